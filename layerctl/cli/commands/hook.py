"""``layerctl hook``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import upkeep_documents as documents
from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.render.tables import hook_lines, hook_run_lines
from layerctl.cli.text import printable
from layerctl.errors import NotFound

if TYPE_CHECKING:
    from layerctl.cli.session import Session

app = App("Programs that verbs ask before they act, and tell afterwards.")


@app.command("list")
def list_(session: Session) -> None:
    """List hooks and samples.

    And what is no hook although it looks like one: not executable, a symlink that leads nowhere, no known event.
    """
    hooks = session.repository().list_hooks()
    if session.out.json:
        session.out.document([documents.hook(item) for item in hooks])
    else:
        session.out.lines(hook_lines(hooks, session.out.style))


@app.command(words="command")
def run(
    session: Session,
    name: Annotated[str, Argument(metavar="NAME", help="An event, or one hook or sample.")],
    arguments: Annotated[
        list[str] | None, Argument(metavar="ARG", help="For the hook; by default as its verb would call it.")
    ] = None,
    stdin: Annotated[
        str | None,
        Option("--stdin", metavar="FILE", help="What it reads, instead of what its verb would give it."),
    ] = None,
) -> int:
    """Try a hook or a sample.

    It gets the environment, the arguments and the input that its verb would give it; its exit status is layerctl's.
    """
    given = _read(stdin) if stdin is not None else None
    results = session.repository(progress=False).run_hook(name, arguments or (), stdin=given)
    if session.out.json:
        session.out.document([documents.hook_run(item) for item in results])
    else:
        session.out.lines(hook_run_lines(results, session.out.style))
    return next((result.status for result in results if result.problem is not None), 0)


@app.command()
def enable(
    session: Session,
    name: Annotated[str, Argument(metavar="NAME", help="A sample, or a hook that is not executable.")],
) -> None:
    """Turn a sample on."""
    made = session.repository().enable_hook(name)
    if session.out.json:
        session.out.document(documents.hook(made))
    else:
        session.out.note(f"{made.name} is on: {printable(made.path)}")


@app.command()
def disable(
    session: Session,
    name: Annotated[str, Argument(metavar="NAME", help="A hook.")],
) -> None:
    """Turn a hook off: it becomes a sample again."""
    made = session.repository().disable_hook(name)
    if session.out.json:
        session.out.document(documents.hook(made))
    else:
        session.out.note(f"{made.name} is off: {printable(made.path)}")


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as exc:
        raise NotFound(f"there is no file {printable(name)}", hint="--stdin takes a file, or - for stdin") from exc
