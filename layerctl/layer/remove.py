"""Deleting a whole tree, however deep a container made it."""

from __future__ import annotations

import shutil
from pathlib import Path

from layerctl.model.recursion import deep_recursion


def remove_tree(path: Path) -> None:
    """Deletes a directory and everything in it as far as possible; nothing to do if there is none."""
    with deep_recursion():
        shutil.rmtree(path, ignore_errors=True)
