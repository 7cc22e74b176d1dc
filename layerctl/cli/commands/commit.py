"""``layerctl commit``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import documents
from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.message import edited_message, given_message, parse_author
from layerctl.cli.render.quantities import layer_text
from layerctl.cli.rootpaths import root_paths
from layerctl.cli.text import one_line, printable
from layerctl.errors import NothingToCommit, UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from layerctl.cli.session import Session
    from layerctl.model.results import CommitResult
    from layerctl.ops.repository import Repository

_EXAMPLES = """\
Examples:
  layerctl commit -m 'Install nginx'
  layerctl commit -m 'New motd' /etc/motd
  layerctl commit --amend --change 'CMD ["/usr/sbin/nginx"]'
"""

app = App()


@app.command(epilog=_EXAMPLES)
def commit(
    session: Session,
    paths: Annotated[
        list[str] | None, Argument(metavar="PATH", help="Commit only what changed there; the rest stays.")
    ] = None,
    message: Annotated[
        list[str] | None, Option("-m", "--message", metavar="MSG", help="The message; again: a paragraph.")
    ] = None,
    file: Annotated[str | None, Option("-F", "--file", metavar="FILE", help="The message, from a file.")] = None,
    amend: Annotated[bool, Option("--amend", help="Replace the last commit.")] = False,
    no_edit: Annotated[bool, Option("--no-edit", help="With --amend: keep the message.")] = False,
    allow_empty: Annotated[bool, Option("--allow-empty", help="Commit even if nothing changed.")] = False,
    no_verify: Annotated[bool, Option("--no-verify", help="Skip pre-commit, commit-msg, quiesce and thaw.")] = False,
    no_pause: Annotated[bool, Option("--no-pause", help="Let a running container run meanwhile.")] = False,
    author: Annotated[
        str | None, Option("--author", metavar="AUTHOR", help="Who made the change: 'Name <email>'.")
    ] = None,
    date: Annotated[str | None, Option("--date", metavar="DATE", help="When it was made.")] = None,
    change: Annotated[
        list[str] | None, Option("--change", metavar="INSTR", help="A Dockerfile instruction, such as 'ENV A=b'.")
    ] = None,
    exclude: Annotated[
        list[str] | None,
        Option("--exclude", metavar="GLOB", help="Leave these paths out; they stay as they are."),
    ] = None,
) -> None:
    """Record what changed in the rootfs as a new commit.

    An idle rootfs is sealed: its write layer becomes the commit's layer, nothing is copied. Of one in use, what changed
    is copied (a container is paused meanwhile), and it stays as it is.
    """
    made_by = parse_author(author) if author is not None else None
    made_at = _parse_date(date) if date is not None else None
    text = given_message(message or (), file)
    repository = session.repository()
    if text is None and not (amend and (no_edit or not _can_ask())):
        text = _ask(session, repository, amend=amend, allow_empty=allow_empty or bool(change))
    result = repository.commit(
        text,
        amend=amend,
        allow_empty=allow_empty,
        verify=not no_verify,
        pause=not no_pause,
        author=made_by,
        date=made_at,
        changes=change or (),
        exclude=exclude or (),
        paths=root_paths(repository, paths or ()),
    )
    _report(session, result)


def _report(session: Session, result: CommitResult) -> None:
    if session.out.json:
        session.out.document(documents.commit(result))
    elif not session.out.quiet:
        where = printable(result.branch) if result.branch is not None else "detached HEAD"
        root = " (base image)" if result.root else ""
        session.out.line(f"[{where}{root} {result.commit.short}] {one_line(result.subject)}".rstrip())
        session.out.line(f" {layer_text(result.layer)}")


def _parse_date(text: str) -> datetime:
    from layerctl.cli.dates import parse_date  # noqa: PLC0415 (loads the email package)

    return parse_date(text)


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _ask(session: Session, repository: Repository, *, amend: bool, allow_empty: bool) -> str:
    """Has the user write the message, above a comment that shows what will be committed."""
    if not _can_ask():
        raise UsageError("a commit needs a message", hint="give one with -m, or a file with -F")
    from layerctl.cli.render.status import status_lines  # noqa: PLC0415 (only an editor shows it)
    from layerctl.cli.render.style import PLAIN  # noqa: PLC0415

    state = repository.status()
    if not (amend or allow_empty or state.changes):
        raise NothingToCommit("nothing to commit, rootfs clean")
    head = next(iter(repository.log([state.head.hex], limit=1))).commit if state.head is not None else None
    start = head.message if amend and head is not None else ""
    return edited_message(
        session.settings, repository.get_config("core.editor"), start, status_lines(state, head, PLAIN)
    )
