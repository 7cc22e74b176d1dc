"""``op restore``: the state right after any operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.errors import NotFound
from layerctl.model.results import RestoreOperationResult
from layerctl.ops.going_back import Way, go_back

if TYPE_CHECKING:
    from layerctl.ops.context import Context


def restore_operation(context: Context, number: int) -> RestoreOperationResult:
    """See :meth:`layerctl.ops.repository.Repository.restore_operation`."""
    if number < 0:
        raise NotFound(f"no operation {number}", hint="'layerctl op log' lists them")
    text = f"op restore: to operation {number}"
    while True:
        later = context.store.journal.since(number)
        if not later:
            return RestoreOperationResult(None, number, taken_back=0, parked=False)
        done = go_back(context, later, Way("op restore", "", text))
        if done is not None:
            return RestoreOperationResult(done[0], number, taken_back=len(later), parked=done[1])
