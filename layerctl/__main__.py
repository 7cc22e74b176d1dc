"""``python -m layerctl``."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    try:
        from layerctl.cli import program
    except KeyboardInterrupt:
        sys.exit(130)
    program()
