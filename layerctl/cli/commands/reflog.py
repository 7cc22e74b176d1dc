"""``layerctl reflog``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from layerctl.cli import documents
from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.render.refs import reflog_lines

if TYPE_CHECKING:
    from layerctl.cli.session import Session

app = App()


@app.command()
def reflog(
    session: Session,
    ref: Annotated[str, Argument(metavar="REF", help="A branch; HEAD by default.")] = "HEAD",
    limit: Annotated[int | None, Option("-n", "--max-count", metavar="N", help="At most N lines.")] = None,
) -> None:
    """Show where a branch or HEAD has been, newest first. The names in the second column are revisions."""
    lines = session.repository().reflog(ref)[:limit]
    if session.out.json:
        session.out.document([documents.reflog_line(line) for line in lines])
    else:
        session.out.page(reflog_lines(lines, session.out.style))
