"""``undo`` and ``op log``: operations, newest first, and taking the last one back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from layerctl.errors import NothingToUndo, RefMoved
from layerctl.model.operation import Operation, RefMove
from layerctl.model.results import UndoResult
from layerctl.ops.going_back import Way, go_back

if TYPE_CHECKING:
    from layerctl.ops.context import Context


def operations(context: Context) -> Iterator[Operation]:
    """See :meth:`layerctl.ops.repository.Repository.operations`."""
    return context.store.journal.operations()


def undo(context: Context) -> UndoResult:
    """See :meth:`layerctl.ops.repository.Repository.undo`.

    An undo is an operation like the others: undoing it does again what it took back.
    """
    while True:
        last = _last(context)
        _check_refs(context, last)
        text = _text(last)
        done = go_back(context, [last], Way("undo", text, text, undoes=last.number))
        if done is not None:
            return UndoResult(done[0], last.number, last.description, parked=done[1])


def _last(context: Context) -> Operation:
    """The newest operation."""
    newest = context.store.journal.newest()
    if newest is None:
        expired = context.store.journal.expired
        hint = f"gc let go of all operations up to {expired}" if expired else "nothing was done yet"
        raise NothingToUndo("nothing to undo", hint=hint)
    return newest


def _check_refs(context: Context, last: Operation) -> None:
    """A ref that plain Git moved since is not taken back: that would lose what Git did."""
    for move in last.moves:
        if isinstance(move, RefMove) and not move.keep and context.store.git.ref(move.ref) != move.new:
            raise RefMoved(
                f"{move.ref} was moved since by somebody else",
                hint=f"'layerctl op restore {last.number - 1}' takes that back, too",
            )


def _text(last: Operation) -> str:
    """What an undo is called; taking back an undo is a redo."""
    what = last.description.removeprefix("undo: ").removeprefix("redo: ") if last.verb == "undo" else last.description
    return f"{'redo' if last.description.startswith('undo: ') and last.verb == 'undo' else 'undo'}: {what}"
