"""``undo`` and ``op log``: operations, newest first, and taking the last one back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from layerctl.errors import Busy, NothingToUndo
from layerctl.model.operation import FileMove, Move, Operation, RefMove, Rename
from layerctl.model.results import UndoResult
from layerctl.mount.overlay import is_upper_in_use
from layerctl.mount.table import mount_at
from layerctl.ops.container import refuse_running
from layerctl.ops.context import Context
from layerctl.ops.rootfs import ensure_mounted, has_changes, mount_of, set_aside
from layerctl.store.worktrees import list_worktrees

_TEARDOWN_SECONDS = 5.0


def operations(context: Context) -> Iterator[Operation]:
    """See :meth:`layerctl.ops.repository.Repository.operations`."""
    return context.store.journal.operations()


def undo(context: Context) -> UndoResult:
    """See :meth:`layerctl.ops.repository.Repository.undo`.

    An undone operation is passed over by the next undo, so undoing again goes further back; after any other operation
    an undo is an operation like the rest and can be undone itself.
    """
    last = _last(context)
    with context.changing_worktree():
        refuse_running(context)
        number, parked = _take_back(context, last)
    return UndoResult(number, last.number, last.description, parked)


def _last(context: Context) -> Operation:
    """The newest operation that is neither an undo nor undone."""
    undone: set[int] = set()
    for operation in context.store.journal.operations():
        if operation.undoes is not None:
            undone.add(operation.undoes)
        elif operation.number not in undone:
            return operation
    raise NothingToUndo("nothing to undo")


def _take_back(context: Context, last: Operation) -> tuple[int, bool]:
    back = inverse(last.moves)
    layered = [move for move in back if isinstance(move, Rename)]
    folder = _parked_folder(context, layered)
    _check_unused(context, folder)
    changed = _changed_write_layer(context)
    with context.applying() as number:
        aside = set_aside(context, f"parked/{number}", keep=False) if layered or changed else []
        context.perform(number, "undo", [*aside, *back], description=f"undo: {last.description}", undoes=last.number)
    _settle(context, folder / "mount" if folder else None)
    return number, changed


def inverse(moves: Sequence[Move]) -> list[Move]:
    """The moves that take others back, in reverse order."""
    return [_inverse(move) for move in reversed(moves) if not move.keep]


def _inverse(move: Move) -> Move:
    if isinstance(move, Rename):
        return Rename(move.target, move.source)
    if isinstance(move, FileMove):
        return FileMove(move.path, move.new, move.old)
    return RefMove(move.ref, move.new, move.old, f"undo: {move.message}" if move.message else "undo")


def _parked_folder(context: Context, moves: Sequence[Rename]) -> Path | None:
    for move in moves:
        if move.source.startswith("parked/") and move.source.endswith("/upper"):
            return (context.layout.root / move.source).parent
    return None


def _check_unused(context: Context, folder: Path | None) -> None:
    """A write layer that a detached mount still writes to must not be mounted a second time."""
    if folder is None or mount_at(folder / "mount") is not None:
        return
    deadline = time.monotonic() + _TEARDOWN_SECONDS
    while is_upper_in_use(folder / "upper", context.layout.tmp):
        if time.monotonic() < deadline:  # nobody may be there: the kernel still writes back what the mount held
            time.sleep(0.01)
            continue
        raise Busy(
            "processes still work in the rootfs that was set aside", hint="let them leave it (cd out), then undo again"
        )


def _changed_write_layer(context: Context) -> bool:
    return has_changes(context)


def _settle(context: Context, aside: Path | None) -> None:
    if not any(worktree.name == context.worktree.name for worktree in list_worktrees(context.layout)):
        return
    if context.worktree.record.base is None:
        mount_of(context).detach()
        return
    if aside is None or not mount_of(context).bring_back(aside):
        ensure_mounted(context)
