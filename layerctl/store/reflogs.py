"""Reflogs as files: what a process that was killed between a reflog and its ref left in them.

libgit2 writes a line to the reflog first, then moves the ref.
Source of the format: Git's ``gitrepository-layout(5)``, ``git-reflog(1)``: ``old SP new SP who SP time TAB message``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layerctl.model.operation import RefMove

_NOTHING = "0" * 40


def take_back_entry(git: Path, move: RefMove) -> None:
    """Removes what the reflogs say of a move that was not made, so that making it does not say it twice.

    Args:
        git: the bare repository.
        move: one that was begun; its ref is still where it was.
    """
    logs = [git / "logs" / move.ref]
    if _head_of(git) == move.ref:
        logs.append(git / "logs/HEAD")
    ids = f"{move.old or _NOTHING} {move.new or _NOTHING} ".encode()
    for path in logs:
        if path.is_file():
            _cut(path, ids)


def _cut(path: Path, ids: bytes) -> None:
    """Takes the last line away if it begins with these ids, and a line that was cut short."""
    data = path.read_bytes()
    kept = data[: data.rfind(b"\n") + 1]
    last = kept.rfind(b"\n", 0, -1) + 1
    if kept[last:].startswith(ids):
        kept = kept[:last]
    if len(kept) == len(data):
        return
    with path.open("r+b") as file:
        file.truncate(len(kept))
        os.fsync(file.fileno())


def _head_of(git: Path) -> str | None:
    """The ref that the bare repository's own HEAD names: libgit2 keeps a reflog for that, too."""
    try:
        return (git / "HEAD").read_text().strip().removeprefix("ref: ")
    except FileNotFoundError:
        return None
