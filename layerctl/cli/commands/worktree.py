"""``layerctl worktree``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import documents
from layerctl.cli.commands.checkout import report
from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.render.tables import worktree_lines
from layerctl.cli.text import printable

if TYPE_CHECKING:
    from layerctl.cli.session import Session

app = App("More than one rootfs at a time: each worktree has a HEAD, a write layer and a mount point of its own.")


@app.command()
def add(
    session: Session,
    name: Annotated[str, Argument(metavar="NAME", help="The new worktree's name.")],
    revision: Annotated[
        str | None, Argument(metavar="REV", help="What to mount; a new branch NAME from HEAD by default.")
    ] = None,
    at: Annotated[str | None, Option("--at", metavar="DIR", help="Where to mount it.")] = None,
    detach: Annotated[bool, Option("--detach", help="Be on no branch, even if one is named.")] = False,
) -> None:
    """Make and mount a worktree, and print where."""
    place = Path(at) if at is not None else None
    report(session, session.repository().add_worktree(name, revision, at=place, detach=detach))


@app.command("list")
def list_(session: Session) -> None:
    """List the worktrees (* the one at work)."""
    repository = session.repository()
    worktrees = repository.list_worktrees()
    if session.out.json:
        session.out.document([documents.worktree(item) for item in worktrees])
    else:
        session.out.lines(worktree_lines(worktrees, repository.worktree, session.out.style))


@app.command()
def remove(
    session: Session,
    name: Annotated[str, Argument(metavar="NAME", help="Which one.")],
    discard: Annotated[bool, Option("--discard", help="Park uncommitted changes instead of refusing.")] = False,
) -> None:
    """Unmount and remove a worktree."""
    operation = session.repository().remove_worktree(name, discard=discard)
    if session.out.json:
        session.out.document({"worktree": name, "operation": operation})
    else:
        session.out.note(f"Removed the worktree '{printable(name)}'")
