"""``layerctl show``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import documents
from layerctl.cli.commands.diff import patches
from layerctl.cli.commands.log import BASE_IMAGE_LIMIT
from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.render.changes import name_status, visible
from layerctl.cli.render.listing import listing_lines
from layerctl.cli.render.log import LogFormat
from layerctl.cli.render.stat import stat_lines
from layerctl.cli.rootpaths import root_path
from layerctl.cli.text import printable
from layerctl.model.entry import Kind

if TYPE_CHECKING:
    from layerctl.cli.session import Session
    from layerctl.model.results import Diff
    from layerctl.ops.repository import Repository

_EXAMPLES = """\
Examples:
  layerctl show v1
  layerctl show HEAD~2:/etc/passwd > passwd.old
  layerctl show main:etc
"""

#: A colon that is not within ``@{…}`` or ``^{…}``.
_COLON = re.compile(r"^((?:[^:{]|\{[^}]*\})*):(.*)$", re.S)

app = App()


@app.command(epilog=_EXAMPLES)
def show(
    session: Session,
    revision: Annotated[
        str, Argument(metavar="REV[:PATH]", help="A commit, or a path of it; HEAD by default.")
    ] = "HEAD",
    patch: Annotated[bool, Option("-p", "--patch", help="What changed in text files, line by line.")] = False,
    names: Annotated[bool, Option("--name-status", help="Only the paths that changed, and how.")] = False,
    stat: Annotated[bool, Option("--stat", help="What changed, biggest first. This is the default.")] = False,
) -> None:
    """Show a commit with what it changed; or, of a PATH, a file's content as it is or a directory's entries."""
    repository = session.repository()
    match = _COLON.match(revision)
    if match is not None:
        _show_path(session, repository, match[1] or "HEAD", match[2])
        return
    entry, difference = repository.show(revision)
    if session.out.json:
        session.out.document(documents.show(entry, difference))
        return
    lines = [
        *_tag_message(repository, revision),
        *LogFormat(session.out.style, datetime.now().astimezone()).lines(entry),
        "",
    ]
    session.out.page(_chain(lines, _changes(session, repository, difference, patch, names)))


def _chain(head: list[str], rest: Iterator[str]) -> Iterator[str]:
    yield from head
    yield from rest


def _changes(session: Session, repository: Repository, difference: Diff, patch: bool, names: bool) -> Iterator[str]:
    changes = visible(difference.changes)
    if patch:
        return patches(repository, difference, changes, session.out.style)
    if names:
        return name_status(changes)
    limit = BASE_IMAGE_LIMIT if difference.old is None else None
    return stat_lines(changes, session.out.style, session.out.width, limit)


def _tag_message(repository: Repository, revision: str) -> Iterator[str]:
    for tag in repository.tags():
        if tag.name == revision.removeprefix("tags/") and tag.message is not None:
            yield f"tag {printable(tag.name)}"
            yield ""
            yield from printable(tag.message).splitlines()
            yield ""


def _show_path(session: Session, repository: Repository, revision: str, path: str) -> None:
    view = repository.show_path(revision, root_path(path))
    if session.out.json:
        session.out.document(documents.path_view(repository.resolve(revision), view))
    elif view.content is not None:
        session.out.raw(view.content)
    elif view.entry.kind is Kind.DIR:
        session.out.page(listing_lines(view.children, session.out.style))
    elif view.entry.target is not None:
        session.out.raw([view.entry.target])
    else:
        session.out.lines(listing_lines([(os.path.basename(view.path), view.entry)], session.out.style))
