"""A worktree's write layer: made, emptied, set aside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.layer.metadata import apply_root_metadata
from layerctl.layer.xattrs import drop_inherited_acls
from layerctl.model.listing import parse_entry
from layerctl.model.operation import FileMove, Rename
from layerctl.snapshot.walk import entry_text
from layerctl.store.worktrees import record_text

if TYPE_CHECKING:
    from layerctl.model.ids import CommitId
    from layerctl.model.worktree import WorktreeRecord
    from layerctl.ops.context import Context

#: How the write layer's directory is opened.
OPEN_UPPER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def prepare_write_layer(context: Context, folder: Path, base: CommitId) -> list[Rename]:
    """Makes an empty write layer in a staging folder; returns the moves that put it in its place.

    Its root is the container's ``/`` and gets the base's owner, mode, attributes and time.
    """
    upper, work = folder / "upper", folder / "work"
    for made in (upper, work):
        made.mkdir(mode=0o700)
        drop_inherited_acls(bytes(made))
    git = context.store.git
    text = entry_text(git, context.store.commits.read(base).snapshot, b"")
    assert text is not None
    fd = os.open(upper, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        apply_root_metadata(fd, parse_entry(text), context.namespace)
    finally:
        os.close(fd)
    place = f"tmp/{folder.name}"
    return [Rename(f"{place}/{name}", context.worktree.relative(name), keep=True) for name in ("upper", "work")]


def set_aside(context: Context, folder: str, *, keep: bool) -> list[Rename]:
    """Moves that take the present write layer away, whole.

    Args:
        context: whose write layer.
        folder: where it goes, relative to the repository.
        keep: True if an undo must not bring it back.
    """
    worktree = context.worktree
    return [
        Rename(worktree.relative(name), f"{folder}/{name}", keep=keep)
        for name in ("upper", "work")
        if (worktree.folder / name).exists()
    ]


def record_move(context: Context, record: WorktreeRecord, *, keep: bool = False) -> FileMove:
    """The move that replaces the worktree's record."""
    worktree = context.worktree
    return FileMove(worktree.record_path, worktree.record_text, record_text(record, context.layout), keep=keep)


def has_changes(context: Context) -> bool:
    """Whether the write layer holds anything at all; looks at its root alone."""
    try:
        with os.scandir(context.worktree.upper) as found:
            return next(found, None) is not None
    except FileNotFoundError:
        return False


@contextmanager
def open_upper(context: Context) -> Iterator[int]:
    """The write layer's descriptor."""
    fd = os.open(context.worktree.upper, OPEN_UPPER)
    try:
        yield fd
    finally:
        os.close(fd)
