"""``layerctl branch``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from layerctl.cli import documents
from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.render.refs import branch_lines
from layerctl.cli.text import printable
from layerctl.errors import NotFound, UsageError

if TYPE_CHECKING:
    from layerctl.cli.session import Session
    from layerctl.model.ids import CommitId
    from layerctl.model.results import Branch
    from layerctl.ops.repository import Repository

app = App()


@app.command()
def branch(
    session: Session,
    name: Annotated[str | None, Argument(metavar="NAME", help="The branch to make or delete.")] = None,
    revision: Annotated[str | None, Argument(metavar="REV", help="Where it starts; HEAD by default.")] = None,
    delete: Annotated[bool, Option("-d", "--delete", help="Delete it, if it is merged into HEAD.")] = False,
    delete_any: Annotated[bool, Option("-D", help="Delete it in any case.")] = False,
    force: Annotated[bool, Option("-f", "--force", help="Move a branch that exists.")] = False,
    verbose: Annotated[bool, Option("-v", "--verbose", help="List with commit and subject.")] = False,
) -> None:
    """List branches (* this worktree's, + another worktree's), or make or delete one."""
    if name is None:
        if delete or delete_any or force:
            raise UsageError("a branch has to be named", hint="'layerctl branch' lists them")
        _list(session, verbose)
    elif delete or delete_any:
        if revision is not None:
            raise UsageError("one branch is deleted at a time")
        was = session.repository().delete_branch(name, force=force or delete_any)
        _report_deleted(session, name, was)
    else:
        made = session.repository().create_branch(name, revision or "HEAD", force=force)
        if session.out.json:
            session.out.document(documents.branch(made))


def _report_deleted(session: Session, name: str, was: CommitId) -> None:
    if session.out.json:
        session.out.document(documents.deleted(name, was))
    elif not session.out.quiet:
        session.out.line(f"Deleted branch {printable(name)} (was {was.short})")


def _list(session: Session, verbose: bool) -> None:
    repository = session.repository()
    branches = repository.branches()
    if session.out.json:
        session.out.document([documents.branch(item) for item in branches])
        return
    detached = _detached(repository, branches)
    session.out.page(branch_lines(branches, repository.worktree, detached, session.out.style, verbose=verbose))


def _detached(repository: Repository, branches: list[Branch]) -> CommitId | None:
    """HEAD, if it is on no branch."""
    if any(item.worktree == repository.worktree for item in branches):
        return None
    try:
        return repository.resolve("HEAD")
    except NotFound:
        return None
