"""``layerctl stash``."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import documents, recovery_documents
from layerctl.cli.commands.diff import patches
from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.message import given_message
from layerctl.cli.render.changes import list_changes, name_status, visible
from layerctl.cli.render.columns import align
from layerctl.cli.render.quantities import relative_time
from layerctl.cli.render.stat import stat_lines
from layerctl.cli.text import one_line
from layerctl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from layerctl.cli.render.style import Style
    from layerctl.cli.session import Session
    from layerctl.model.recovery import Stash, UnstashResult

_HELP = ("-h", "--help")
_NAME = re.compile(r"(?:stash@\{)?(\d+)\}?\Z")


def _with_verb(words: Sequence[str]) -> Sequence[str]:
    """``stash`` alone, or with options alone, is ``stash push``."""
    first = words[0] if words else "-"
    named = not first.startswith("-") or any(word in app.commands or word in _HELP for word in words)
    pushes = not named or first.startswith(("-m", "--message"))
    return ["push", *words] if pushes else words


app = App("Set uncommitted changes aside, and bring them back. Without a verb: push.", _with_verb)

_Which = Annotated[str, Argument(metavar="STASH", help="stash@{1}, or 1, is the last but one; the last by default.")]


@app.command()
def push(
    session: Session,
    message: Annotated[
        list[str] | None, Option("-m", "--message", metavar="MSG", help="What it is; again: a paragraph.")
    ] = None,
) -> None:
    """Set the uncommitted changes aside, and leave a clean rootfs."""
    result = session.repository().stash(given_message(message or (), None))
    if session.out.json:
        session.out.document(recovery_documents.stashed(result))
    elif not session.out.quiet:
        session.out.line(f"Set aside as stash@{{0}}: {one_line(result.message)}")


@app.command()
def pop(session: Session, which: _Which = "0") -> None:
    """Bring changes back, and forget the stash.

    Paths that were changed in another way meanwhile are listed, and nothing happens.
    """
    _report(session, session.repository().unstash(_index(which)))


@app.command("apply")
def apply_(session: Session, which: _Which = "0") -> None:
    """Bring changes back and keep the stash."""
    _report(session, session.repository().unstash(_index(which), drop=False))


@app.command("list")
def list_(session: Session) -> None:
    """List what is set aside, newest first."""
    found = session.repository().stashes()
    if session.out.json:
        session.out.document([recovery_documents.stash(item) for item in found])
    else:
        session.out.page(stash_lines(found, datetime.now().astimezone(), session.out.style))


@app.command()
def show(
    session: Session,
    which: _Which = "0",
    patch: Annotated[bool, Option("-p", "--patch", help="What changed in text files, line by line.")] = False,
    names: Annotated[bool, Option("--name-status", help="Only the paths that changed, and how.")] = False,
) -> None:
    """Show what a stash changes."""
    repository = session.repository()
    index = _index(which)
    commit = next((item.commit.id for item in repository.stashes()[index : index + 1]), None)
    _, difference = repository.show(commit.hex if commit is not None else f"stash@{{{index}}}")
    changes = visible(difference.changes)
    if session.out.json:
        session.out.document(documents.diff(difference))
    elif patch:
        session.out.page(patches(repository, difference, changes, session.out.style))
    elif names:
        session.out.page(name_status(changes))
    else:
        session.out.page(stat_lines(changes, session.out.style, session.out.width))


@app.command()
def drop(session: Session, which: _Which = "0") -> None:
    """Forget a stash ('layerctl undo' brings it back)."""
    index = _index(which)
    was = session.repository().drop_stash(index)
    if session.out.json:
        session.out.document(documents.deleted(f"stash@{{{index}}}", was))
    else:
        session.out.note(f"Dropped stash@{{{index}}} (was {was.short})")


@app.command()
def clear(session: Session) -> None:
    """Forget all stashes ('layerctl undo' brings them back)."""
    gone = session.repository().clear_stashes()
    if session.out.json:
        session.out.document([documents.deleted(f"stash@{{{index}}}", was) for index, was in enumerate(gone)])
    else:
        session.out.note(f"Dropped {len(gone)} stash{'es'[: 2 * (len(gone) != 1)]}")


def _index(which: str) -> int:
    match = _NAME.match(which)
    if match is None:
        raise UsageError(f"'{which}' is not the name of a stash", hint="write stash@{1}, or 1")
    return int(match[1])


def _report(session: Session, result: UnstashResult) -> None:
    if session.out.json:
        session.out.document(recovery_documents.unstashed(result))
    elif not session.out.quiet:
        session.out.lines(summary(result, session.out.style))


def summary(result: UnstashResult, style: Style) -> Iterator[str]:
    """What is uncommitted now."""
    yield from list_changes(visible(result.changes), style, fold=True)
    yield f"Brought {style(result.commit.short, 'yellow')} back" + (" and dropped it" if result.dropped else "")


def stash_lines(found: list[Stash], now: datetime, style: Style) -> Iterator[str]:
    """``stash@{0}  3 minutes ago  WIP on main: …``."""
    rows = [(item.name, relative_time(item.commit.date, now), one_line(item.commit.subject)) for item in found]
    return align(rows, paint=(lambda text: style(text, "yellow"), lambda text: style(text, "dim"), None))
