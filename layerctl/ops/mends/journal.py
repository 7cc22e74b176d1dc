"""Putting the journal right: what cannot be read goes out of the way."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from layerctl.model.operation import Operation, RefMove
from layerctl.store.record import dump_record

if TYPE_CHECKING:
    from layerctl.model.problem import Problem
    from layerctl.ops.mends.mender import Mender

_NOTHING = "0" * 40


def mend_pending(mender: Mender, problem: Problem) -> None:
    """Sets a record aside that nobody can read; what it had begun is found by the next look."""
    mender.set_aside(mender.path(problem))


def mend_operation(mender: Mender, problem: Problem) -> None:
    """Puts a record into the gap that can be listed and not be taken back.

    Its one move claims a ref that never was: an undo, which cannot know what the operation did, stops there with
    nothing changed.
    """
    path = mender.path(problem)
    number = int(path.stem)
    record = Operation(
        number=number,
        time=_time_near(mender, number),
        author="layerctl <layerctl@localhost>",
        verb="lost",
        description="the record of this operation was lost",
        moves=(RefMove(f"refs/layerctl/lost/{number}", None, _NOTHING),),
    )
    mender.replace_file(path, dump_record(record.to_json()))


def _time_near(mender: Mender, number: int) -> datetime:
    """The time of the operation before; of the one after if there is none."""
    operations = mender.survey.operations
    near = max((other for other in operations if other < number), default=min(operations, default=None))
    return operations[near].time if near is not None else datetime.now().astimezone()
