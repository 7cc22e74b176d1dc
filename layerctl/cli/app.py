"""The command itself: global options, then a verb."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import quick
from layerctl.cli.declare import Command, Option
from layerctl.errors import NotFound

if TYPE_CHECKING:
    from layerctl.cli.session import Session

WHEN = ("auto", "always", "never")


def layerctl(
    session: Session,
    directory: Annotated[
        str | None, Option("-C", metavar="DIR", help="Work as if started in DIR.", show_default=False)
    ] = None,
    repo: Annotated[
        str | None, Option("--repo", metavar="DIR", help="The repository, instead of searching upward.")
    ] = None,
    color: Annotated[
        str,
        Option("--color", metavar="WHEN", choices=WHEN, help="auto, always or never.", show_default=False),
    ] = "auto",
    version: Annotated[bool, Option("--version", help="Print the version.")] = False,
) -> None:
    """Git for container root filesystems: commit, diff and roll back what a container changed."""
    session.out.color = color
    session.repo = repo
    if directory is not None:
        _change_directory(directory)


ROOT = Command(layerctl)


def _change_directory(directory: str) -> None:
    try:
        os.chdir(directory)
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise NotFound(f"there is no directory {directory}", hint="-C takes a directory that exists") from exc


def run(session: Session) -> int:
    """Does what the command line says.

    Returns:
        The exit status.

    Raises:
        layerctl.errors.LayerctlError: it makes no sense, or could not be done.
    """
    call = quick.read(ROOT, session.words)
    if call is not None:
        return call.run(session)
    from layerctl.cli.typed import run_typed  # noqa: PLC0415 (slow to load, and mostly not needed)

    return run_typed(session)
