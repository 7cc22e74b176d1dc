"""``layerctl worktree``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layerctl.cli import documents
from layerctl.cli.commands.checkout import report
from layerctl.cli.parsing import APP, Subverbs, Verb
from layerctl.cli.render.tables import worktree_lines
from layerctl.cli.session import Session, takes_session
from layerctl.cli.text import printable

app = typer.Typer(cls=Subverbs, **APP)


@app.callback()
@takes_session
def worktree(session: Session) -> None:
    """More than one rootfs at a time: each worktree has a HEAD, a write layer and a mount point of its own."""


@app.command(cls=Verb)
@takes_session
def add(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new worktree's name.")],
    revision: Annotated[
        str | None, typer.Argument(metavar="REV", help="What to mount; a new branch NAME from HEAD by default.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="DIR", help="Where to mount it.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Be on no branch, even if one is named.")] = False,
) -> None:
    """Make and mount a worktree, and print where."""
    place = Path(at) if at is not None else None
    report(session, session.repository().add_worktree(name, revision, at=place, detach=detach))


@app.command("list", cls=Verb)
@takes_session
def list_(session: Session) -> None:
    """List the worktrees (* the one at work)."""
    repository = session.repository()
    worktrees = repository.list_worktrees()
    if session.out.json:
        session.out.document([documents.worktree(item) for item in worktrees])
    else:
        session.out.lines(worktree_lines(worktrees, repository.worktree, session.out.style))


@app.command(cls=Verb)
@takes_session
def remove(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which one.")],
    discard: Annotated[bool, typer.Option("--discard", help="Park uncommitted changes instead of refusing.")] = False,
) -> None:
    """Unmount and remove a worktree."""
    operation = session.repository().remove_worktree(name, discard=discard)
    if session.out.json:
        session.out.document({"worktree": name, "operation": operation})
    else:
        session.out.note(f"Removed the worktree '{printable(name)}'")
