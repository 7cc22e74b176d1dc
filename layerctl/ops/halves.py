"""What ``restore`` is making in a rootfs, under a name of its own until it is whole.

The name is noted beside the write layer. It is there for no longer than a restore, unless that was killed: then the
next command finds by it the one thing that was not finished.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from layerctl.errors import Busy
from layerctl.layer.find import named
from layerctl.layer.live import LiveTree
from layerctl.mount.overlay import is_upper_in_use
from layerctl.ops.mounting import mount_of
from layerctl.store.locks import worktree_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from layerctl.ops.context import Context

_NAME = re.compile(rb"\.layerctl-[0-9a-f]{16}")


@contextmanager
def half_made(context: Context) -> Iterator[bytes]:
    """Gives the name for things that are being made in the worktree's rootfs."""
    name = b".layerctl-" + os.urandom(8).hex().encode()
    note = context.worktree.restoring
    context.store.durability.write(note, name + b"\n")
    yield name
    note.unlink()


def remove_half(context: Context) -> None:
    """Takes away what a killed restore had not finished."""
    note = context.worktree.restoring
    if not note.exists() or os.geteuid() != 0:
        return
    with suppress(Busy, FileNotFoundError), worktree_lock(context.worktree.lock, context.worktree.name, wait=0):
        name = note.read_bytes().removesuffix(b"\n")
        if not _NAME.fullmatch(name) or _remove(context, name):
            note.unlink()


def _remove(context: Context, name: bytes) -> bool:
    """Deletes what has a name, in a rootfs as far as it is the write layer's; False if that is not possible now."""
    place = _place(context)
    if place is None:
        return False
    upper, root = _open(context.worktree.upper), _open(place)
    try:
        with LiveTree(root, name) as tree:
            for path in list(named(upper, name)):
                tree.remove(path)
    finally:
        os.close(upper)
        os.close(root)
    return True


def _place(context: Context) -> Path | None:
    """Where it is safe to delete: under a mounted overlay nobody may change the write layer."""
    current = mount_of(context).current
    if current is not None:
        return None if current.read_only else context.worktree.mountpoint
    return None if is_upper_in_use(context.worktree.upper, context.layout.tmp) else context.worktree.upper


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
