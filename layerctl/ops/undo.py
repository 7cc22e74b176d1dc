"""``undo`` and ``op log``: operations, newest first, and taking the last one back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from layerctl.errors import Busy, NothingToUndo, RefMoved
from layerctl.model.ids import CommitId
from layerctl.model.operation import FileMove, Move, Operation, RefMove, Rename
from layerctl.model.results import UndoResult
from layerctl.mount.table import mount_at
from layerctl.mount.worktree import WorktreeMount
from layerctl.ops.container import refuse_running
from layerctl.ops.context import Context
from layerctl.ops.rootfs import becomes_free, ensure_mounted, has_changes, mount_of, prepare_write_layer, set_aside
from layerctl.store.worktrees import Worktree


def operations(context: Context) -> Iterator[Operation]:
    """See :meth:`layerctl.ops.repository.Repository.operations`."""
    return context.store.journal.operations()


def undo(context: Context) -> UndoResult:
    """See :meth:`layerctl.ops.repository.Repository.undo`.

    An undo is an operation like the others: undoing it does again what it took back.
    """
    while True:
        last = _last(context)
        name = _worktree_of(last)
        there = context.for_worktree(Worktree(name, context.layout)) if name is not None else context
        with ExitStack() as stack:
            if name is not None and there.worktree.exists:
                stack.enter_context(there.changing_worktree())
                refuse_running(there)
            else:
                stack.enter_context(context.store.lock.in_use())
            if _last(context) != last:  # somebody else was faster
                continue
            return _take_back(there, last) if name is not None else _take_back_refs(context, last)


def _last(context: Context) -> Operation:
    """The newest operation."""
    newest = next(context.store.journal.operations(), None)
    if newest is None:
        raise NothingToUndo("nothing to undo")
    return newest


def inverse(moves: Sequence[Move]) -> list[Move]:
    """The moves that take others back, in reverse order."""
    return [_inverse(move) for move in reversed(moves) if not move.keep]


def _inverse(move: Move) -> Move:
    if isinstance(move, Rename):
        return Rename(move.target, move.source)
    if isinstance(move, FileMove):
        return FileMove(move.path, move.new, move.old)
    return RefMove(move.ref, move.new, move.old, f"undo: {move.message}" if move.message else "undo")


def _worktree_of(operation: Operation) -> str | None:
    """The worktree that an operation touched, if any."""
    for move in operation.moves:
        for path in _paths(move):
            folder, _, rest = path.partition("/")
            if folder == "worktrees":
                return rest.partition("/")[0]
    return None


def _paths(move: Move) -> tuple[str, ...]:
    if isinstance(move, Rename):
        return move.source, move.target
    return (move.path,) if isinstance(move, FileMove) else ()


def _take_back_refs(context: Context, last: Operation) -> UndoResult:
    with context.applying() as number:
        _check_last(context, last)
        context.perform(number, "undo", inverse(last.moves), description=_text(last), undoes=last.number)
    return UndoResult(number, last.number, last.description, parked=False)


def _take_back(context: Context, last: Operation) -> UndoResult:
    back = inverse(last.moves)
    takes_away = any(isinstance(move, Rename) and move.source == context.worktree.relative("upper") for move in back)
    folder = _parked_folder(context, back)
    _check_unused(context, folder)
    old_mount = mount_of(context) if context.worktree.exists else None
    base = _new_base(context, back)
    parked = False
    with context.store.staging("undo") as staging:
        fresh: list[Move] = []
        if base is not None and folder is None:
            fresh += prepare_write_layer(context, staging, base)
        with context.applying() as number:
            _check_last(context, last)
            aside: list[Move] = []
            if last.verb == "worktree add":
                back = [Rename(f"worktrees/{context.worktree.name}", f"parked/{number}/worktree"), *back]
            elif old_mount is not None and not takes_away and (fresh or folder is not None):
                parked = has_changes(context)
                aside += set_aside(context, f"parked/{number}", keep=False)
            context.perform(number, "undo", [*aside, *back, *fresh], description=_text(last), undoes=last.number)
    _settle(context, old_mount, folder / "mount" if folder else None)
    return UndoResult(number, last.number, last.description, parked)


def _check_last(context: Context, last: Operation) -> None:
    if _last(context) != last:
        raise RefMoved("another operation was faster", hint="look at 'layerctl op log' and try again")


def _text(operation: Operation) -> str:
    return f"undo: {operation.description}"


def _new_base(context: Context, back: Sequence[Move]) -> CommitId | None:
    """The commit that a worktree which stays lies on afterwards, if that changes."""
    if not context.worktree.exists:
        return None
    for move in back:
        if isinstance(move, FileMove) and move.path == context.worktree.record_path and move.new is not None:
            base: str | None = json.loads(move.new)["base"]
            now = context.worktree.record.base
            return CommitId(base) if base is not None and (now is None or base != now.hex) else None
    return None


def _parked_folder(context: Context, back: Sequence[Move]) -> Path | None:
    for move in back:
        if isinstance(move, Rename) and move.source.startswith("parked/") and move.target.endswith("/upper"):
            return (context.layout.root / move.source).parent
    return None


def _check_unused(context: Context, folder: Path | None) -> None:
    """A write layer that a detached mount still writes to must not be mounted a second time."""
    if folder is None or mount_at(folder / "mount") is not None:
        return
    if not becomes_free(context, folder / "upper"):
        raise Busy(
            "processes still work in the rootfs that was set aside", hint="let them leave it (cd out), then undo again"
        )


def _settle(context: Context, old_mount: WorktreeMount | None, aside: Path | None) -> None:
    """Lets the mount follow: the one that was moved aside comes back, another is made, or it goes."""
    worktree = context.worktree
    if old_mount is not None and (
        not worktree.exists or worktree.record.base is None or mount_of(context).path != old_mount.path
    ):
        old_mount.detach()
    if not worktree.exists or worktree.record.base is None:
        return
    if aside is None or not mount_of(context).bring_back(aside):
        ensure_mounted(context)
