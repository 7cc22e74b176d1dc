"""Golden files: what a command prints, word by word.

``LAYERCTL_UPDATE_GOLDEN=1 pytest tests/golden`` writes them anew; look at the difference before committing it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent


def check(name: str, lines: Iterable[str]) -> None:
    """Compares lines with ``tests/golden/NAME.txt``."""
    text = "".join(f"{line}\n" for line in lines)
    path = FOLDER / f"{name}.txt"
    if os.environ.get("LAYERCTL_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, errors="surrogateescape")
    assert text == path.read_text(errors="surrogateescape")


def used() -> set[Path]:
    """Every golden file there is."""
    return set(FOLDER.rglob("*.txt"))
