"""What killed commands left behind."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Busy
from layerctl.layer.remove import remove_tree
from layerctl.mount.worktree import unmount_below
from layerctl.ops.mounting import settle

if TYPE_CHECKING:
    from layerctl.ops.context import Context


def clean_up(context: Context) -> None:
    """Puts the worktree's mount right and deletes what nobody needs; cheap when nothing was left."""
    settle(context)
    if context.worktree.restoring.exists():
        from layerctl.ops.halves import remove_half  # noqa: PLC0415 - hardly ever needed

        remove_half(context)
    sweep(context)


def sweep(context: Context) -> None:
    """Deletes what is in ``tmp/``, unless some verb is at work: then it may be its.

    Every verb that makes something there holds the repository's lock shared meanwhile, and loses it when it dies.
    """
    folder = context.layout.tmp
    if not os.access(folder, os.W_OK) or not os.listdir(folder):
        return
    with suppress(Busy), context.store.lock.exclusive(wait=0):
        if context.store.journal.has_pending:
            return
        for name in os.listdir(folder):
            remove_leftover(folder / name)


def remove_leftover(path: Path) -> None:
    """Deletes something in ``tmp/``, unless a mount below it is in use."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
    elif unmount_below(path):
        remove_tree(path)
