"""``layerctl undo``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.cli import documents
from layerctl.cli.declare import App
from layerctl.cli.text import one_line

if TYPE_CHECKING:
    from layerctl.cli.session import Session

app = App()


@app.command()
def undo(session: Session) -> None:
    """Take the last operation back: branches, tags, HEAD, and the write layer with all that was not committed.

    Undoing an undo does it again. 'layerctl op log' lists the operations, 'layerctl op restore' goes back further.
    """
    result = session.repository().undo()
    if session.out.json:
        session.out.document(documents.undo(result))
    elif not session.out.quiet:
        session.out.line(f"Took back operation {result.undone}: {one_line(result.description)}")
        if result.parked:
            session.out.line(f"Parked the uncommitted changes (operation {result.operation})")
