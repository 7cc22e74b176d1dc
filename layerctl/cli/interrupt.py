"""After Ctrl-C: says whether anything was changed, where that can be told."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from layerctl.errors import LayerctlError

if TYPE_CHECKING:
    from layerctl.cli.session import Session
    from layerctl.model.operation import Operation

#: Verbs that are one operation each: the operation log has it, or nothing was changed.
_OPERATIONS = ("import", "commit", "rollback", "undo", "tag", "branch")


def after_interrupt(session: Session) -> None:
    """Finishes or takes back what was interrupted, as the next command would, and says which."""
    if session.verb not in _OPERATIONS:
        return
    with suppress(LayerctlError, OSError, KeyboardInterrupt):
        sys.stderr.write(f"layerctl: interrupted; {_outcome(session)}\n")


def _outcome(session: Session) -> str:
    newest = next(iter(session.repository(progress=False).operations()), None)
    if newest is None or not _is_ours(newest, session) or newest.time.timestamp() < int(session.started):
        return "nothing was changed"
    return f"but operation {newest.number} was complete ('layerctl undo' takes it back)"


def _is_ours(operation: Operation, session: Session) -> bool:
    """By the command as typed; an undo is called after what it takes back."""
    return operation.description == session.command or operation.verb == session.verb == "undo"
