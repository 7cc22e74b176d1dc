"""``layerctl try``."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import recovery_documents as documents
from layerctl.cli.declare import NETWORKS, App, Argument, Option
from layerctl.cli.errors import Failure
from layerctl.cli.message import given_message
from layerctl.cli.render.changes import list_changes, visible
from layerctl.cli.text import one_line, printable, readable
from layerctl.errors import UsageError

if TYPE_CHECKING:
    from layerctl.cli.session import Session
    from layerctl.model.recovery import Trial

_EXAMPLES = """\
Examples:
  layerctl try --network host -- apt-get upgrade -y
  layerctl try --no -- sh -c 'make install && ldconfig'
  layerctl try --yes -m 'Install nginx' apk add nginx
"""

app = App()


@app.command(words="command", epilog=_EXAMPLES)
def try_(
    session: Session,
    argv: Annotated[list[str], Argument(metavar="CMD", help="The command and its arguments.")],
    yes: Annotated[bool, Option("-y", "--yes", help="Commit without asking, if CMD succeeds.")] = False,
    no: Annotated[bool, Option("-n", "--no", help="Only show what it would change.")] = False,
    message: Annotated[
        list[str] | None,
        Option("-m", "--message", metavar="MSG", help="The commit's message; again: a paragraph."),
    ] = None,
    env: Annotated[list[str] | None, Option("-e", "--env", metavar="NAME=VALUE", help="Set a variable.")] = None,
    volume: Annotated[
        list[str] | None, Option("-v", "--volume", metavar="SRC:DST[:ro]", help="Show a path of the host inside.")
    ] = None,
    network: Annotated[str, Option("--network", metavar="NET", choices=NETWORKS, help="none or host.")] = "none",
) -> int:
    """Run a command on a copy of the rootfs as it is, show what it changed, and commit that or drop it.

    The rootfs itself, with whatever is not committed, stays as it is until you say yes; a yes commits all of it. The
    command's exit status is layerctl's; 1 if it succeeded and you said no.
    """
    from layerctl.ops.run import RunRequest  # noqa: PLC0415 (pygit2 is slow to load)
    from layerctl.runtime import Stdio  # noqa: PLC0415 (pygit2 is slow to load)

    if yes and no:
        raise UsageError("--yes and --no exclude each other")
    terminal = sys.stdin.isatty() and sys.stdout.isatty() and not session.out.json
    if not (yes or no or terminal):
        raise UsageError("there is no terminal to ask on", hint="use --yes or --no")
    text = given_message(message or (), None) or f"Run {readable(shlex.join(argv))}"
    request = RunRequest(
        argv=tuple(argv),
        tty=terminal,
        size=shutil.get_terminal_size() if terminal else None,
        term=session.settings.environment.get("TERM"),
        env=tuple(env or ()),
        volumes=tuple(volume or ()),
        network=network,
        stdio=Stdio(stdout=2) if session.out.json else Stdio(),
    )
    decide = _decider(session, text, yes=yes, no=no)
    trial = session.repository(progress=False).try_command(request, decide)
    return _report(session, trial, text, declined=not (yes or no))


def _decider(session: Session, message: str, *, yes: bool, no: bool) -> Callable[[Trial], str | None]:
    def decide(trial: Trial) -> str | None:
        changes = visible(trial.changes)
        if not session.out.json and not session.out.quiet and trial.failure is None:
            session.out.lines(list_changes(changes, session.out.style, fold=True))
        if no or trial.failure is not None or not changes:
            return None
        wanted = trial.status == 0 if yes else _ask(session, trial)
        return message if wanted else None

    return decide


def _ask(session: Session, trial: Trial) -> bool:
    if trial.status:
        session.out.stderr(f"The command failed with status {trial.status}")
    sys.stderr.write("Commit this? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _report(session: Session, trial: Trial, message: str, *, declined: bool) -> int:
    if trial.failure is not None:
        hint = trial.hint or "'layerctl doctor' shows what this machine can do"
        session.out.failure(Failure("run-failed", one_line(trial.failure), hint, trial.status), said=True)
        return trial.status
    if session.out.json:
        session.out.document(documents.trial(trial))
    elif trial.commit is not None and not session.out.quiet:
        where = printable(trial.branch) if trial.branch is not None else "detached HEAD"
        session.out.line(f"[{where} {trial.commit.short}] {one_line(message.split(chr(10), 1)[0])}")
    elif trial.commit is None:
        session.out.note("Nothing was kept" if visible(trial.changes) else "Nothing changed")
    if trial.status == 0 and declined and trial.commit is None and visible(trial.changes):
        return 1
    return trial.status
