"""The command itself: global options, then a verb."""

from __future__ import annotations

import os
from typing import Annotated

import typer
import typer.main

from layerctl.cli.parsing import APP, Verbs
from layerctl.cli.session import Session, takes_session
from layerctl.errors import NotFound

WHEN = ("auto", "always", "never")

app = typer.Typer(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]}, **APP)


def _print_version(wanted: bool) -> None:
    if wanted:
        from layerctl import __version__  # noqa: PLC0415 (reads the package's metadata)

        typer.echo(f"layerctl {__version__}")
        raise typer.Exit


def _check_color(when: str) -> str:
    if when not in WHEN:
        raise typer.BadParameter(f"{when!r} is none of {', '.join(WHEN)}")
    return when


@app.callback()
@takes_session
def layerctl(
    session: Session,
    directory: Annotated[
        str | None, typer.Option("-C", metavar="DIR", help="Work as if started in DIR.", show_default=False)
    ] = None,
    repo: Annotated[
        str | None, typer.Option("--repo", metavar="DIR", help="The repository, instead of searching upward.")
    ] = None,
    color: Annotated[
        str,
        typer.Option(
            "--color", metavar="WHEN", callback=_check_color, help="auto, always or never.", show_default=False
        ),
    ] = "auto",
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Git for container root filesystems: commit, diff and roll back what a container changed."""
    session.out.color = color
    session.repo = repo
    if directory is not None:
        _change_directory(directory)


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
        typer.TyperException: it makes no sense.
        layerctl.errors.LayerctlError: it could not be done.
    """
    group = typer.main.get_command(app)
    try:
        with group.make_context("layerctl", list(session.words), obj=session) as ctx:
            result = group.invoke(ctx)
    except typer.Exit as exc:
        return exc.exit_code
    return int(result or 0)
