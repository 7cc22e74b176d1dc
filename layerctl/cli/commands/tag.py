"""``layerctl tag``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from layerctl.cli import documents
from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.message import given_message
from layerctl.cli.render.refs import tag_lines
from layerctl.cli.text import printable
from layerctl.errors import UsageError

if TYPE_CHECKING:
    from layerctl.cli.session import Session
    from layerctl.model.ids import CommitId

app = App()


@app.command()
def tag(
    session: Session,
    name: Annotated[str | None, Argument(metavar="NAME", help="The tag to make or delete.")] = None,
    revision: Annotated[str | None, Argument(metavar="REV", help="What to tag; HEAD by default.")] = None,
    message: Annotated[
        list[str] | None, Option("-m", "--message", metavar="MSG", help="Annotate it; again: a paragraph.")
    ] = None,
    delete: Annotated[bool, Option("-d", "--delete", help="Delete it.")] = False,
    force: Annotated[bool, Option("-f", "--force", help="Move a tag that exists.")] = False,
    verbose: Annotated[bool, Option("-v", "--verbose", help="List with commit and message.")] = False,
) -> None:
    """List tags, or make or delete one."""
    if name is None:
        if delete or force or message:
            raise UsageError("a tag has to be named", hint="'layerctl tag' lists them")
        _list(session, verbose)
    elif delete:
        if revision is not None or message:
            raise UsageError("-d takes the name of one tag and nothing else")
        _report_deleted(session, name, session.repository().delete_tag(name))
    else:
        text = given_message(message or (), None)
        made = session.repository().create_tag(name, revision or "HEAD", message=text, force=force)
        if session.out.json:
            session.out.document(documents.tag(made))


def _report_deleted(session: Session, name: str, was: CommitId) -> None:
    if session.out.json:
        session.out.document(documents.deleted(name, was))
    elif not session.out.quiet:
        session.out.line(f"Deleted tag {printable(name)} (was {was.short})")


def _list(session: Session, verbose: bool) -> None:
    tags = session.repository().tags()
    if session.out.json:
        session.out.document([documents.tag(item) for item in tags])
    else:
        session.out.page(tag_lines(tags, session.out.style, verbose=verbose))
