"""``layerctl status``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.cli import documents
from layerctl.cli.declare import App
from layerctl.cli.render.status import status_lines

if TYPE_CHECKING:
    from layerctl.cli.session import Session

app = App()


@app.command()
def status(session: Session) -> None:
    """Show where the worktree is, and what changed since its last commit.

    A added, M modified, D deleted, T of another type.
    """
    repository = session.repository()
    state = repository.status()
    if session.out.json:
        session.out.document(documents.status(state))
        return
    head = next(iter(repository.log([state.head.hex], limit=1))).commit if state.head is not None else None
    session.out.lines(status_lines(state, head, session.out.style))
