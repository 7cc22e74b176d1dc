"""What shows through a worktree's mount, read from its write layer."""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from layerctl.errors import Damaged, WorktreeNotFound
from layerctl.layer.handles import DirHandles, split
from layerctl.layer.scan import DigestSource, LayerScanner
from layerctl.ops.rootfs import OPEN_UPPER
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.layer.statcache import StatCache
    from layerctl.model.ids import ObjectId
    from layerctl.model.scan import RootPath, Scan, ScanDir
    from layerctl.model.worktree import WorktreeRecord
    from layerctl.ops.context import Context
    from layerctl.store.staged import StagedObjects

_OPERATION_SECONDS = 5.0
_TRIES = 5


@frozen
class View:
    """What shows through a worktree's mount.

    Attributes:
        objects: where ``snapshot`` is readable; nothing of it is stored yet.
        scan: the write layer.
        snapshot: base and write layer together.
    """

    objects: StagedObjects
    scan: Scan
    snapshot: ObjectId


def read_view(context: Context, *, tolerant: bool, known: DigestSource | None = None) -> View:
    """Reads the write layer and computes what shows through the mount; stores nothing.

    See :func:`read_write_layer`.
    """
    from layerctl.snapshot.apply import apply_scan  # noqa: PLC0415 - a status needs neither
    from layerctl.store.staged import StagedObjects  # noqa: PLC0415

    record, scan = read_write_layer(context, tolerant=tolerant, known=known)
    base = context.store.commits.read(record.base).snapshot if record.base else None
    objects = StagedObjects(context.store.git)
    return View(objects, scan, apply_scan(objects, base, scan))


def read_write_layer(
    context: Context, *, tolerant: bool, known: DigestSource | None = None
) -> tuple[WorktreeRecord, Scan]:
    """Reads the write layer and the record that says what it lies on.

    Args:
        context: whose write layer.
        tolerant: somebody may be writing: what vanishes while it is read is left out.
        known: digests that need no reading.
    """
    cache = _cache(context, adding=tolerant)
    tries = _TRIES
    while True:
        record, fd = _open_with_record(context)
        try:
            scanner = LayerScanner(
                context.namespace, known=known, cache=cache, progress=context.progress, tolerant=tolerant
            )
            scan = scanner.scan(fd)
            forget(scan, untouched_targets(record, fd))
            tries -= 1
            if not tries or _is_current(context, record, fd):  # else it may be on its way to the store, or gone
                if cache is not None:
                    cache.save()
                return record, scan
        finally:
            os.close(fd)


def _open_with_record(context: Context) -> tuple[WorktreeRecord, int]:
    """A record and a descriptor of the write layer that belongs to it, although operations may replace both.

    What was read before a moment at which none was being made, and is still so afterwards, belongs together.
    """
    deadline = time.monotonic() + _OPERATION_SECONDS
    while True:
        record = context.worktree.record
        with suppress(FileNotFoundError):
            fd = os.open(context.worktree.upper, OPEN_UPPER)
            if time.monotonic() > deadline or (
                not context.store.journal.has_pending and _is_current(context, record, fd)
            ):
                return record, fd
            os.close(fd)
        if time.monotonic() > deadline:
            raise Damaged(f"the write layer {context.worktree.upper} is missing")
        time.sleep(0.002)


def _is_current(context: Context, record: WorktreeRecord, fd: int) -> bool:
    """Whether a record and an open write layer are the worktree's."""
    try:
        return os.path.samestat(os.stat(context.worktree.upper), os.fstat(fd)) and context.worktree.record == record
    except (FileNotFoundError, WorktreeNotFound):
        return False


def _cache(context: Context, *, adding: bool) -> StatCache | None:
    path = context.worktree.stat_cache
    if not adding and not path.exists():
        return None
    from layerctl.layer.statcache import StatCache  # noqa: PLC0415 (a commit mostly does without)

    return StatCache(path, adding=adding, tmp=context.layout.tmp)


def forget(scan: Scan, paths: frozenset[RootPath]) -> None:
    """Leaves paths out of a scan, the lowest first."""
    for path in sorted(paths, reverse=True):
        parent, name = split(path)
        here: ScanDir | None = scan.root
        for step in parent.split(b"/") if parent else ():
            here = here.dirs.get(step) if here is not None else None
        if here is not None:
            here.dirs.pop(name, None)
            here.files.pop(name, None)


def untouched_targets(record: WorktreeRecord, upper_fd: int) -> frozenset[RootPath]:
    """The mount targets of an OCI runtime in a write layer that are still as the runtime made them."""
    if not record.targets:
        return frozenset()
    from layerctl.runtime.targets import Target, removable_targets  # noqa: PLC0415 - only what ran something needs it

    return removable_targets((Target(os.fsencode(path), is_dir) for path, is_dir in record.targets), upper_fd)


def remove_targets(record: WorktreeRecord, upper_fd: int) -> None:
    """Takes the mount targets that nobody changed out of a write layer that nobody writes to."""
    paths = untouched_targets(record, upper_fd)
    with DirHandles(upper_fd) as handles:
        for path in sorted(paths, reverse=True):
            parent, name = split(path)
            dir_fd = handles.get(parent)
            if stat.S_ISDIR(os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode):
                os.rmdir(name, dir_fd=dir_fd)
            else:
                os.unlink(name, dir_fd=dir_fd)
