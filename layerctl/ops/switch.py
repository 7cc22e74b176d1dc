"""Giving a worktree another base and another write layer, in one operation: the heart of whatever goes back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.layer.build import CopyPlacer, LinkPlacer, Placer, build_layer
from layerctl.model.listing import format_entry
from layerctl.model.operation import FileMove, Move, Rename
from layerctl.mount.worktree import release_all_aside
from layerctl.ops.mounting import mount_of, overlay_spec, remount
from layerctl.ops.rootfs import open_upper, prepare_write_layer, record_move, set_aside
from layerctl.snapshot.compare import compare
from layerctl.snapshot.delta import make_delta
from layerctl.snapshot.walk import entry_text
from layerctl.store.worktrees import record_text
from layerctl.values import replace

if TYPE_CHECKING:
    from layerctl.model.commit import ImageCommit
    from layerctl.model.entry import Entry
    from layerctl.model.ids import CommitId, ObjectId
    from layerctl.model.scan import RootPath
    from layerctl.ops.context import Context
    from layerctl.snapshot.objects import ObjectStore

#: The moves of refs and files that belong to an operation, by its number.
Moves = Callable[[int], Sequence[Move]]


def switch(
    context: Context,
    verb: str,
    base: CommitId,
    write_layer: Sequence[Rename],
    moves: Moves,
    *,
    drop: Path | None = None,
    used_up: CommitId | None = None,
    in_place: bool = False,
    ready: Callable[[], None] = lambda: None,
) -> int:
    """Sets the write layer aside whole and mounts another one over a commit, in place, whoever is in there.

    Args:
        context: whose rootfs; no container may run in it, once ``ready`` was called.
        verb: for the operation log.
        base: the commit that the new write layer lies on.
        write_layer: the moves that put it in its place, from :func:`layerctl.ops.rootfs.prepare_write_layer`.
        moves: everything else that the operation does; made first.
        drop: a staging folder that takes the old write layer; None parks it, and an undo brings it back.
        used_up: the commit that the old write layer became, together with ``drop``; an undo mounts that.
        in_place: ``moves`` take the old write layer itself away, as a layer.
        ready: called right before it happens, when no hook can refuse any more.

    Returns:
        The operation's number.
    """
    mount = mount_of(context)
    with context.applying() as number:
        aside = set_aside(
            context, f"parked/{number}" if drop is None else f"tmp/{drop.name}/old", keep=drop is not None
        )
        context.perform(
            number,
            verb,
            [
                *moves(number),
                *(move for move in aside if not (in_place and move.source.endswith("/upper"))),
                *write_layer,
                *_record_moves(context, base, used_up),
            ],
            ready=ready,
        )
    release_all_aside(context.layout.parked)
    spec = overlay_spec(context, context.worktree.record)
    remount(context, mount, spec, _aside(context, number) if drop is None else None)
    return number


def _record_moves(context: Context, base: CommitId, used_up: CommitId | None) -> list[FileMove]:
    record = replace(context.worktree.record, base=base, targets=())
    if used_up is None:
        return [record_move(context, record)]
    first = record_move(context, replace(record, base=used_up), keep=True)
    return [first, FileMove(first.path, first.new, record_text(record, context.layout))]


def _aside(context: Context, number: int) -> Path:
    """Where the mount that was in use goes: beside its parked write layer."""
    folder = context.layout.parked / str(number) / "mount"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def fill_write_layer(
    context: Context, staging: Path, base: ImageCommit, objects: ObjectStore, shown: ObjectId, place: Placer
) -> list[Rename]:
    """Makes a write layer that shows a snapshot over a commit.

    Args:
        context: whose it will be.
        staging: a private folder for it.
        base: the commit below.
        objects: where the snapshots are.
        shown: what shall show.
        place: provides the content.

    Returns:
        The moves that put it in its place.
    """
    moves = prepare_write_layer(context, staging, base.id)
    if shown != base.snapshot:
        delta = make_delta(objects, shown, compare(objects, base.snapshot, shown))
        fd = os.open(staging / "upper", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            build_layer(delta, fd, place, context.namespace, context.progress)
        finally:
            os.close(fd)
    return moves


@contextmanager
def taken_from(
    context: Context, objects: ObjectStore, theirs: ImageCommit, ours: ImageCommit | None = None
) -> Iterator[Placer]:
    """Copies what is as in one commit from there, everything else from another one.

    Never by hard link: an inode that is in two layers of one stack would show as a link between them, and one that is
    in a layer and a write layer could be written to.

    Args:
        context: the repository.
        objects: where the snapshots are.
        theirs: the first commit.
        ours: the other one; None is the rootfs.
    """
    with ExitStack() as stack:
        first = _copies(context, stack, theirs.id)
        base = ours.id if ours is not None else context.worktree.record.base
        second: Placer = _copies(context, stack, base)
        if ours is None:
            rootfs = CopyPlacer(stack.enter_context(open_upper(context)), context.namespace, second)
            stack.callback(rootfs.close)
            second = rootfs

        def place(path: RootPath, entry: Entry, dir_fd: int, name: bytes) -> bool:
            same = entry_text(objects, theirs.snapshot, path) == format_entry(entry)
            return (first if same else second)(path, entry, dir_fd, name)

        yield place


def _copies(context: Context, stack: ExitStack, commit: CommitId | None) -> LinkPlacer:
    roots = stack.enter_context(context.store.layers.open_stack(commit))
    place = LinkPlacer((), context.namespace, below=roots)
    stack.callback(place.close)
    return place
