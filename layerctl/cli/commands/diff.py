"""``layerctl diff``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from layerctl.cli import documents
from layerctl.cli.parsing import APP, RevisionsAndPaths
from layerctl.cli.render.changes import list_changes, name_status, name_status_z, visible
from layerctl.cli.render.patch import LARGEST, Read, patch_lines
from layerctl.cli.render.stat import stat_lines
from layerctl.cli.render.style import Style
from layerctl.cli.rootpaths import revisions_and_paths
from layerctl.cli.session import Session, takes_session
from layerctl.errors import UsageError
from layerctl.model.change import Change
from layerctl.model.ids import CommitId
from layerctl.model.results import Diff
from layerctl.model.scan import RootPath

if TYPE_CHECKING:
    from layerctl.ops.repository import Repository

_EXAMPLES = """\
Examples:
  layerctl diff                   # what is not committed
  layerctl diff -p -- /etc        # the same line by line, of /etc alone
  layerctl diff --stat v1 main
"""

app = typer.Typer(**APP)


@app.command(cls=RevisionsAndPaths, epilog=_EXAMPLES)
@takes_session
def diff(
    session: Session,
    revisions: Annotated[
        list[str] | None,
        typer.Argument(metavar="REV", help="None: rootfs against HEAD; A: against A; A B: A against B."),
    ] = None,
    patch: Annotated[bool, typer.Option("-p", "--patch", help="What changed in text files, line by line.")] = False,
    stat: Annotated[bool, typer.Option("--stat", help="What it weighs, biggest first.")] = False,
    names: Annotated[bool, typer.Option("--name-status", help="Only paths, for scripts.")] = False,
    nul: Annotated[
        bool, typer.Option("-z", help="With --name-status: end everything with NUL, quote nothing.")
    ] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 if there are differences.")] = False,
) -> int:
    """Show what differs: path, kind of change, what about it, and sizes."""
    repository = session.repository()
    words, paths = revisions_and_paths(repository, revisions or (), session.paths)
    old, new = _sides(words)
    difference = repository.diff(old, new, paths=paths)
    changes = visible(difference.changes)
    if session.out.json:
        session.out.document(documents.diff(difference))
    elif nul:
        session.out.raw(name_status_z(changes))
    elif not session.out.quiet:
        session.out.page(_lines(session, repository, difference, changes, patch=patch, stat=stat, names=names))
    return 1 if changes and (exit_code or session.out.quiet) else 0


def _sides(words: Sequence[str]) -> tuple[str | None, str | None]:
    if len(words) == 1 and ".." in words[0] and "..." not in words[0]:
        old, _, new = words[0].partition("..")
        return old or "HEAD", new or "HEAD"
    if len(words) > 2:
        raise UsageError("at most two revisions can be compared", hint="put '--' before paths")
    return (words[0] if words else None), (words[1] if len(words) > 1 else None)


def _lines(
    session: Session,
    repository: Repository,
    difference: Diff,
    changes: Sequence[Change],
    *,
    patch: bool,
    stat: bool,
    names: bool,
) -> Iterator[str]:
    style = session.out.style
    if stat and changes:
        yield from stat_lines(changes, style, session.out.width)
    if stat and patch and changes:
        yield ""
    if patch:
        yield from patches(repository, difference, changes, style)
    elif names:
        yield from name_status(changes)
    elif not stat:
        yield from list_changes(changes, style)


def patches(repository: Repository, difference: Diff, changes: Sequence[Change], style: Style) -> Iterator[str]:
    """The changes as patches, contents read when they are needed."""
    old, new = _reader(repository, difference.old), _reader(repository, difference.new)
    for change in changes:
        yield from patch_lines(change, old, new, style)


def _reader(repository: Repository, commit: CommitId | None) -> Read:
    def read(path: RootPath) -> bytes:
        return repository.read_content(commit, path, LARGEST) or b""

    return read
