"""A worktree's mount: what has to be mounted for its record, and putting it right."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from layerctl.errors import Busy, NothingToCommit
from layerctl.layer.remove import remove_tree
from layerctl.layer.xattrs import XattrNamespace
from layerctl.mount.overlay import OverlaySpec, is_upper_in_use
from layerctl.mount.worktree import WorktreeMount
from layerctl.store.locks import worktree_lock

if TYPE_CHECKING:
    from pathlib import Path

    from layerctl.model.worktree import WorktreeRecord
    from layerctl.ops.context import Context

_TEARDOWN_SECONDS = 15.0


def mount_of(context: Context) -> WorktreeMount:
    """The worktree's mount."""
    return WorktreeMount(context.worktree.mountpoint)


def overlay_spec(context: Context, record: WorktreeRecord) -> OverlaySpec:
    """What has to be mounted for a record."""
    assert record.base is not None
    return OverlaySpec(
        lower=context.store.layers.stack(record.base, context.progress),
        upper=context.worktree.upper,
        work=context.worktree.work,
        userxattr=context.namespace is XattrNamespace.USER,
        volatile=record.volatile,
        read_only=record.read_only,
    )


def ensure_mounted(context: Context) -> None:
    """Brings the mount into the state that the record asks for, whatever happened to it.

    It may have gone with a reboot or an ``umount``, or a command was killed between its operation and its mount.

    Raises:
        Busy: processes still write to the write layer through a mount that was detached.
        NothingToCommit: nothing is checked out yet.
    """
    record = context.worktree.record
    if record.base is None:
        raise NothingToCommit("nothing is checked out yet", hint="'layerctl checkout' mounts a commit")
    mount = mount_of(context)
    mount.finish_swap()
    current = mount.current
    if current is None:
        if not becomes_free(context, context.worktree.upper):
            raise Busy(
                f"processes still use the rootfs that was unmounted from {record.mountpoint}",
                hint="end them and try again; 'layerctl commit' and 'layerctl rollback' work meanwhile",
            )
        remove_volatile_mark(context)
        mount.attach(overlay_spec(context, record))
    elif not is_upper_in_use(context.worktree.upper, context.layout.tmp):
        mount.swap(overlay_spec(context, record))
    elif current.read_only and not record.read_only:
        mount.make_writable()


def becomes_free(context: Context, upper: Path) -> bool:
    """Whether no overlay writes to a write layer any more.

    Waits for a while: when nobody is left, the kernel still writes back what an unmounted overlay held.
    """
    deadline = time.monotonic() + _TEARDOWN_SECONDS
    while is_upper_in_use(upper, context.layout.tmp):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def settle(context: Context) -> None:
    """Puts right what a killed command left of a mount.

    It may be read-only for a commit that did not happen, or show what was there before an operation that did. What
    another command works on, and what nobody mounted, is left alone.
    """
    record = context.worktree.record
    mount = mount_of(context)
    current = mount.current
    if record.base is None or current is None or os.geteuid() != 0:
        return
    stale = not is_upper_in_use(context.worktree.upper, context.layout.tmp)
    if stale or mount.has_leftover or (current.read_only and not record.read_only):
        with suppress(Busy), worktree_lock(context.worktree.lock, context.worktree.name, wait=0):
            ensure_mounted(context)


def remove_volatile_mark(context: Context) -> None:
    """Drops the mark that makes the kernel refuse a volatile write layer after an unclean end."""
    mark = context.worktree.work / "work" / "incompat" / "volatile"
    if mark.is_dir():
        remove_tree(mark)


def remount(context: Context, mount: WorktreeMount, spec: OverlaySpec, aside: Path | None = None) -> None:
    """Mounts anew, in place of what is mounted, or where nothing is."""
    if mount.current is None:
        remove_volatile_mark(context)
        mount.attach(spec)
    else:
        mount.swap(spec, aside)
