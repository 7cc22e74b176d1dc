"""``layerctl op``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import documents
from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.render.operations import operation_lines
from layerctl.cli.render.quantities import count_text
from layerctl.errors import UsageError

if TYPE_CHECKING:
    from layerctl.cli.session import Session
    from layerctl.model.results import RestoreOperationResult

app = App("The operations on this repository: every verb that moved a branch, a tag, a HEAD or a write layer.")


@app.command("log")
def log(
    session: Session,
    limit: Annotated[int | None, Option("-n", "--max-count", metavar="N", help="At most N.")] = None,
    oneline: Annotated[bool, Option("--oneline", help="One line an operation.")] = False,
) -> None:
    """List the operations, newest first.

    With who did what when, and what it moved. 'layerctl undo' takes the newest back; 'layerctl op restore N' goes to
    the state right after operation N.
    """
    if limit is not None and limit < 0:
        raise UsageError("-n needs a number of at least 0")
    operations = islice(session.repository().operations(), limit)
    if session.out.json:
        session.out.document([documents.operation(item) for item in operations])
    else:
        now = datetime.now().astimezone()
        session.out.page(operation_lines(operations, now, session.out.style, oneline=oneline))


@app.command()
def restore(
    session: Session,
    number: Annotated[int, Argument(metavar="ID", help="An operation of 'op log'; 0 is straight after init.")],
) -> None:
    """Go to the state right after an operation.

    Branches, tags, HEADs and write layers are as they were then. Uncommitted work that this replaces is parked:
    'layerctl undo' brings it back.
    """
    result = session.repository().restore_operation(number)
    if session.out.json:
        session.out.document(documents.restored_operation(result))
    elif not session.out.quiet:
        session.out.lines(_summary(result))


def _summary(result: RestoreOperationResult) -> Iterator[str]:
    if result.operation is None:
        yield f"Nothing to do: operation {result.restored} is the last one"
        return
    yield f"Took back {count_text(result.taken_back, 'operation')}, to the state after operation {result.restored}"
    if result.parked:
        yield f"Parked the uncommitted changes (operation {result.operation})"
    yield "'layerctl undo' takes it back"
