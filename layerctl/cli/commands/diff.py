"""``layerctl diff``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from layerctl.cli import documents
from layerctl.cli.parsing import APP, RevisionsAndPaths
from layerctl.cli.render.changes import list_changes, name_status, name_status_z, visible
from layerctl.cli.render.meaning import config_lines, package_lines
from layerctl.cli.render.names import quote
from layerctl.cli.render.patch import LARGEST, Read, patch_lines
from layerctl.cli.render.stat import stat_lines, totals_of
from layerctl.cli.rootpaths import revisions_and_paths
from layerctl.cli.session import Session, takes_session
from layerctl.errors import UsageError
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style
    from layerctl.model.change import Change
    from layerctl.model.configdiff import ConfigChange
    from layerctl.model.ids import CommitId
    from layerctl.model.packages import PackageDiff
    from layerctl.model.results import Diff
    from layerctl.model.scan import RootPath
    from layerctl.ops.repository import Repository

_EXAMPLES = """\
Examples:
  layerctl diff                   # what is not committed
  layerctl diff -p -- /etc        # the same line by line, of /etc alone
  layerctl diff --stat v1 main
  layerctl diff --packages --config v1 main
"""

app = typer.Typer(**APP)


@frozen
class Levels:
    """On which levels a diff is shown; on that of paths if on no other."""

    patch: bool = False
    stat: bool = False
    names: bool = False
    packages: bool = False
    config: bool = False

    @property
    def of_paths(self) -> bool:
        """Whether paths are shown."""
        return self.patch or self.stat or self.names or not (self.packages or self.config)


@frozen
class Meaning:
    """What a diff means beyond its paths; None where that was not asked for."""

    packages: PackageDiff | None
    config: tuple[ConfigChange, ...] | None

    @classmethod
    def of(cls, session: Session, repository: Repository, difference: Diff, levels: Levels) -> Meaning:
        """Finds out what was asked for, and says which package databases it cannot read."""
        packages = repository.package_changes(difference) if levels.packages else None
        for unread in packages.unread if packages is not None else ():
            session.out.warn(f"/{quote(unread.path)} {unread.reason}")
        return cls(packages, repository.config_changes(difference) if levels.config else None)

    @property
    def is_empty(self) -> bool:
        """Whether it is the same on both sides."""
        return not self.config and not (self.packages is not None and self.packages.changes)

    def sections(self, style: Style) -> Iterator[Iterator[str]]:
        """What there is to show."""
        if self.packages is not None and self.packages.changes:
            yield package_lines(self.packages, style)
        if self.config:
            yield config_lines(self.config, style)


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
    packages: Annotated[
        bool, typer.Option("--packages", help="Packages of dpkg, apk, rpm, pip and npm, with versions.")
    ] = False,
    config: Annotated[
        bool, typer.Option("--config", help="The image config: variables, command, labels and so on.")
    ] = False,
    names: Annotated[bool, typer.Option("--name-status", help="Only paths, for scripts.")] = False,
    nul: Annotated[
        bool, typer.Option("-z", help="With --name-status: end everything with NUL, quote nothing.")
    ] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 if there are differences.")] = False,
) -> int:
    """Show what differs: path, kind of change, what about it, and sizes; or packages, or the image config."""
    levels = Levels(patch, stat, names or nul, packages, config)
    repository = session.repository()
    words, paths = revisions_and_paths(repository, revisions or (), session.paths)
    old, new = _sides(words)
    difference = repository.diff(old, new, paths=paths)
    changes = visible(difference.changes)
    meaning = Meaning.of(session, repository, difference, levels)
    if session.out.json:
        session.out.document(_document(difference, changes, meaning, levels))
    elif nul:
        session.out.raw(name_status_z(changes))
    elif not session.out.quiet:
        session.out.page(_lines(session, repository, difference, changes, meaning, levels))
    differs = (levels.of_paths and changes) or not meaning.is_empty
    return 1 if differs and (exit_code or session.out.quiet) else 0


def _document(difference: Diff, changes: Sequence[Change], meaning: Meaning, levels: Levels) -> documents.Document:
    return {
        **documents.diff(difference),
        **({"totals": documents.totals(totals_of(changes))} if levels.stat else {}),
        **(documents.packages(meaning.packages) if meaning.packages is not None else {}),
        **({"config": documents.config_changes(meaning.config)} if meaning.config is not None else {}),
    }


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
    meaning: Meaning,
    levels: Levels,
) -> Iterator[str]:
    style = session.out.style
    sections: list[Iterator[str]] = []
    if levels.stat and changes:
        sections.append(stat_lines(changes, style, session.out.width))
    sections += meaning.sections(style)
    if levels.patch and changes:
        sections.append(patches(repository, difference, changes, style))
    elif levels.names:
        sections.append(name_status(changes))
    elif levels.of_paths and not levels.stat:
        sections.append(list_changes(changes, style))
    for number, section in enumerate(sections):
        yield from [""] if number else []
        yield from section


def patches(repository: Repository, difference: Diff, changes: Sequence[Change], style: Style) -> Iterator[str]:
    """The changes as patches, contents read when they are needed."""
    old, new = _reader(repository, difference.old), _reader(repository, difference.new)
    for change in changes:
        yield from patch_lines(change, old, new, style)


def _reader(repository: Repository, commit: CommitId | None) -> Read:
    def read(path: RootPath) -> bytes:
        return repository.read_content(commit, path, LARGEST) or b""

    return read
