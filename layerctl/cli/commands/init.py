"""``layerctl init``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.text import printable

if TYPE_CHECKING:
    from layerctl.cli.session import Session

app = App()


@app.command()
def init(
    session: Session,
    directory: Annotated[
        str | None, Argument(metavar="DIR", help="Where; the working directory by default. Made if missing.")
    ] = None,
    branch: Annotated[
        str, Option("-b", "--initial-branch", metavar="NAME", help="The name of the first branch.")
    ] = "main",
) -> None:
    """Make a repository: the folder .layerctl, with sample hooks. Harmless where there is one already."""
    from layerctl.ops.repository import Repository  # noqa: PLC0415 (pygit2 is slow to load)

    folder = Path(directory or ".").absolute()
    existed = (folder / ".layerctl" / "format").exists()
    repository = Repository.init(folder, branch=branch, author=session.author())
    if session.out.json:
        session.out.document({"repository": str(repository.path), "created": not existed})
    elif not session.out.quiet:
        what = "Found the existing" if existed else "Initialized an empty"
        session.out.line(f"{what} layerctl repository in {printable(str(repository.path))}/")
