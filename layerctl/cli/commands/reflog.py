"""``layerctl reflog``."""

from __future__ import annotations

from typing import Annotated

import typer

from layerctl.cli import documents
from layerctl.cli.parsing import APP, Verb
from layerctl.cli.render.refs import reflog_lines
from layerctl.cli.session import Session, takes_session

app = typer.Typer(**APP)


@app.command(cls=Verb)
@takes_session
def reflog(
    session: Session,
    ref: Annotated[str, typer.Argument(metavar="REF", help="A branch; HEAD by default.")] = "HEAD",
    limit: Annotated[int | None, typer.Option("-n", "--max-count", metavar="N", help="At most N lines.")] = None,
) -> None:
    """Show where a branch or HEAD has been, newest first. The names in the second column are revisions."""
    lines = session.repository().reflog(ref)[:limit]
    if session.out.json:
        session.out.document([documents.reflog_line(line) for line in lines])
    else:
        session.out.page(reflog_lines(lines, session.out.style))
