"""A worktree's write layer, and what shows through it."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Damaged, WorktreeNotFound
from layerctl.layer.handles import DirHandles, split
from layerctl.layer.metadata import apply_root_metadata
from layerctl.layer.scan import DigestSource, LayerScanner
from layerctl.layer.xattrs import drop_inherited_acls
from layerctl.model.listing import parse_entry
from layerctl.model.operation import FileMove, Rename
from layerctl.snapshot.apply import apply_scan
from layerctl.snapshot.walk import entry_text
from layerctl.store.staged import StagedObjects
from layerctl.store.worktrees import record_text
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.ids import CommitId, ObjectId
    from layerctl.model.scan import RootPath, Scan, ScanDir
    from layerctl.model.worktree import WorktreeRecord
    from layerctl.ops.context import Context

_OPERATION_SECONDS = 5.0
_TRIES = 5
_OPEN_UPPER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


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
    fd = os.open(context.worktree.upper, _OPEN_UPPER)
    try:
        yield fd
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
            fd = os.open(context.worktree.upper, _OPEN_UPPER)
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


def read_view(context: Context, *, tolerant: bool, known: DigestSource | None = None) -> View:
    """Reads the write layer and computes what shows through the mount; stores nothing.

    Args:
        context: whose write layer.
        tolerant: somebody may be writing: what vanishes while it is read is left out.
        known: digests that need no reading.
    """
    tries = _TRIES
    while True:
        record, fd = _open_with_record(context)
        try:
            scanner = LayerScanner(context.namespace, known=known, progress=context.progress, tolerant=tolerant)
            scan = scanner.scan(fd)
            forget(scan, untouched_targets(record, fd))
            tries -= 1
            if not tries or _is_current(context, record, fd):  # else it may be on its way to the store, or gone
                break
        finally:
            os.close(fd)
    base = context.store.commits.read(record.base).snapshot if record.base else None
    objects = StagedObjects(context.store.git)
    return View(objects, scan, apply_scan(objects, base, scan))


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
