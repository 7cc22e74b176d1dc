"""``layerctl run``."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated

from layerctl.cli.declare import NETWORKS, App, Argument, Option
from layerctl.cli.errors import Failure
from layerctl.cli.text import one_line

if TYPE_CHECKING:
    from layerctl.cli.session import Session

_HINTS = {
    126: "is it executable, and for this machine's architecture?",
    127: "give a command that the rootfs has; 'layerctl show HEAD:usr/bin' lists some",
}

_EXAMPLES = """\
Examples:
  layerctl run apt-get install -y nginx
  layerctl run --network host -- sh -c 'apt-get update && apt-get upgrade -y'
  layerctl run --rev v1 -v "$PWD:/src:ro" make -C /src test
"""

app = App()


@app.command(words="command", epilog=_EXAMPLES)
def run(
    session: Session,
    argv: Annotated[
        list[str] | None, Argument(metavar="CMD", help="The command and its arguments; the image's by default.")
    ] = None,
    revision: Annotated[
        str | None, Option("--rev", metavar="REV", help="Run in a throwaway rootfs of this commit.")
    ] = None,
    interactive: Annotated[bool, Option("-i", "--interactive", help="Accepted: stdin is always connected.")] = False,
    tty: Annotated[
        bool | None,
        Option("-t/-T", "--tty/--no-tty", help="With a terminal or without; by default as layerctl itself has one."),
    ] = None,
    env: Annotated[
        list[str] | None,
        Option("-e", "--env", metavar="NAME=VALUE", help="Set a variable; NAME alone passes it on."),
    ] = None,
    user: Annotated[
        str | None,
        Option("-u", "--user", metavar="USER[:GROUP]", help="Who runs it; the image's user by default."),
    ] = None,
    workdir: Annotated[str | None, Option("--workdir", metavar="DIR", help="Where it starts.")] = None,
    volume: Annotated[
        list[str] | None, Option("-v", "--volume", metavar="SRC:DST[:ro]", help="Show a path of the host inside.")
    ] = None,
    network: Annotated[str, Option("--network", metavar="NET", choices=NETWORKS, help="none or host.")] = "none",
    read_only: Annotated[bool, Option("--read-only", help="The rootfs cannot be written.")] = False,
    entrypoint: Annotated[
        str | None, Option("--entrypoint", metavar="CMD", help="Instead of the image's entrypoint; '': none.")
    ] = None,
    hostname: Annotated[str | None, Option("--hostname", metavar="NAME", help="The container's host name.")] = None,
) -> int:
    """Run a command in a container on the rootfs.

    The command's exit status is layerctl's; 125, 126 and 127 as docker run has them.
    """
    from layerctl.ops.run import RunRequest  # noqa: PLC0415 (pygit2 is slow to load)

    terminal = tty if tty is not None else sys.stdin.isatty() and sys.stdout.isatty()
    request = RunRequest(
        argv=tuple(argv or ()),
        revision=revision,
        tty=terminal,
        size=shutil.get_terminal_size() if terminal else None,
        term=session.settings.environment.get("TERM"),
        env=tuple(_pass_on(session, item) for item in env or () if _is_known(session, item)),
        workdir=workdir,
        user=user,
        network=network,
        volumes=tuple(volume or ()),
        read_only=read_only,
        entrypoint=entrypoint,
        hostname=hostname,
    )
    result = session.repository(progress=False).run(request)
    if result.failure is not None:
        failure = Failure("run-failed", one_line(result.failure), result.hint or _hint(result.status), result.status)
        session.out.failure(failure, said=not terminal)
    return result.status


def _hint(status: int) -> str:
    return _HINTS.get(status, "'layerctl doctor' shows what this machine can do")


def _is_known(session: Session, item: str) -> bool:
    return "=" in item or item in session.settings.environment


def _pass_on(session: Session, item: str) -> str:
    """``NAME`` alone takes the value of layerctl's own environment, as docker run does."""
    return item if "=" in item else f"{item}={session.settings.environment[item]}"
