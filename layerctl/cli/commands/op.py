"""``layerctl op``."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Annotated

import typer

from layerctl.cli import documents
from layerctl.cli.parsing import APP, Subverbs, Verb
from layerctl.cli.render.tables import operation_lines
from layerctl.cli.session import Session, takes_session

app = typer.Typer(cls=Subverbs, **APP)


@app.callback()
@takes_session
def op(session: Session) -> None:
    """The operations on this repository: every verb that moved a branch, a tag, a HEAD or a write layer."""


@app.command("log", cls=Verb)
@takes_session
def log(
    session: Session,
    limit: Annotated[int | None, typer.Option("-n", "--max-count", metavar="N", help="At most N.")] = None,
) -> None:
    """List the operations, newest first. 'layerctl undo' takes the newest back."""
    operations = islice(session.repository().operations(), limit)
    if session.out.json:
        session.out.document([documents.operation(item) for item in operations])
    else:
        session.out.page(operation_lines(operations, datetime.now().astimezone(), session.out.style))
