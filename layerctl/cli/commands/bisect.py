"""``layerctl bisect``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import recovery_documents as documents
from layerctl.cli.declare import NETWORKS, App, Argument, Option
from layerctl.cli.render.changes import visible
from layerctl.cli.render.log import LogFormat
from layerctl.cli.render.quantities import count_text
from layerctl.cli.render.stat import stat_lines
from layerctl.cli.text import one_line, printable
from layerctl.model.bisection import Mark

if TYPE_CHECKING:
    from layerctl.cli.session import Session
    from layerctl.model.ids import CommitId
    from layerctl.model.recovery import BisectResult, BisectTest
    from layerctl.ops.repository import Repository

app = App("Find the commit that broke something.")


@app.command()
def start(
    session: Session,
    bad: Annotated[str | None, Argument(metavar="BAD", help="A commit in which it is broken.")] = None,
    good: Annotated[list[str] | None, Argument(metavar="GOOD", help="Commits in which it works.")] = None,
    no_checkout: Annotated[
        bool, Option("--no-checkout", help="Leave the rootfs alone; for 'run', or to test elsewhere.")
    ] = False,
) -> int:
    """Begin, and check the first candidate out."""
    repository = session.repository()
    return _report(session, repository, repository.bisect_start(bad, good or (), checkout=not no_checkout))


@app.command()
def good(
    session: Session,
    revisions: Annotated[
        list[str] | None, Argument(metavar="REV", help="Commits; the one that is being tested by default.")
    ] = None,
) -> int:
    """Say that it works there, and go on."""
    return _mark(session, Mark.GOOD, revisions)


@app.command()
def bad(
    session: Session,
    revision: Annotated[
        str | None, Argument(metavar="REV", help="A commit; the one that is being tested by default.")
    ] = None,
) -> int:
    """Say that it is broken there, and go on."""
    return _mark(session, Mark.BAD, [revision] if revision is not None else None)


@app.command()
def skip(
    session: Session,
    revisions: Annotated[
        list[str] | None, Argument(metavar="REV", help="Commits; the one that is being tested by default.")
    ] = None,
) -> int:
    """Say that it cannot be tested there, and go on."""
    return _mark(session, Mark.SKIP, revisions)


def _mark(session: Session, mark: Mark, revisions: list[str] | None) -> int:
    repository = session.repository()
    return _report(session, repository, repository.bisect_mark(mark, revisions or ()))


@app.command(words="command")
def run(
    session: Session,
    argv: Annotated[list[str], Argument(metavar="CMD", help="The command and its arguments.")],
    env: Annotated[list[str] | None, Option("-e", "--env", metavar="NAME=VALUE", help="Set a variable.")] = None,
    volume: Annotated[
        list[str] | None, Option("-v", "--volume", metavar="SRC:DST[:ro]", help="Show a path of the host inside.")
    ] = None,
    network: Annotated[str, Option("--network", metavar="NET", choices=NETWORKS, help="none or host.")] = "none",
) -> int:
    """Let a command test the candidates, each in a throwaway rootfs.

    Its exit status says how it is there: 0 good, 125 cannot be tested, up to 127 bad; any other stops the search.
    """
    from layerctl.ops.run import RunRequest  # noqa: PLC0415 (pygit2 is slow to load)
    from layerctl.runtime import Stdio  # noqa: PLC0415 (pygit2 is slow to load)

    repository = session.repository()
    stdio = Stdio(stdout=2) if session.out.json else Stdio()
    request = RunRequest(
        argv=tuple(argv), env=tuple(env or ()), volumes=tuple(volume or ()), network=network, stdio=stdio
    )

    def report(test: BisectTest) -> None:
        session.out.note(f"{test.mark.value}: {_one(repository, test.commit)} (status {test.status})")

    return _report(session, repository, repository.bisect_run(request, report))


@app.command()
def log(session: Session) -> None:
    """Show what was said, as commands that say it again."""
    repository = session.repository()
    state = repository.bisect_log()
    if session.out.json:
        session.out.document([{"mark": mark.value, "commit": commit.hex} for mark, commit in state.marks])
        return
    for mark, commit in state.marks:
        session.out.line(f"# {mark.value}: {_one(repository, commit)}")
        session.out.line(f"layerctl bisect {mark.value} {commit}")


@app.command()
def reset(session: Session) -> None:
    """End the search, and go back to where it began."""
    repository = session.repository()
    commit = repository.bisect_reset()
    if session.out.json:
        session.out.document({"commit": commit.hex})
    else:
        session.out.note(f"Back at {_one(repository, commit)}")


def _report(session: Session, repository: Repository, result: BisectResult) -> int:
    if session.out.json:
        difference = repository.show(result.commit.hex)[1] if result.state == "found" and result.commit else None
        session.out.document(documents.bisection(result, difference))
    elif not session.out.quiet:
        now = datetime.now().astimezone()
        session.out.page(bisect_lines(repository, result, LogFormat(session.out.style, now), session.out.width))
    return 1 if result.state == "undecided" else 0


def bisect_lines(repository: Repository, result: BisectResult, form: LogFormat, width: int) -> Iterator[str]:
    """Where the search is: the next candidate, or the commit that it was for, with its change."""
    if result.state == "waiting":
        yield f"Bisecting: now name a {'bad' if result.bad is None else 'good'} commit"
    elif result.state == "testing" and result.commit is not None:
        left = result.left
        yield f"Bisecting: {count_text(left, 'commit')} left after this (roughly {count_text(result.steps, 'step')})"
        yield _one(repository, result.commit)
    elif result.state == "found" and result.commit is not None:
        entry, difference = repository.show(result.commit.hex)
        yield f"{form.style(result.commit.hex, 'red')} is the first bad commit"
        yield from form.lines(entry)
        yield ""
        yield from stat_lines(visible(difference.changes), form.style, width)
    else:
        yield "Only commits that cannot be tested are left. The first bad one is one of these:"
        yield from (_one(repository, commit) for commit in result.candidates)


def _one(repository: Repository, commit: CommitId) -> str:
    entry = next(iter(repository.log([commit.hex], limit=1)))
    return f"[{commit.short}] {one_line(printable(entry.commit.subject))}".rstrip()
