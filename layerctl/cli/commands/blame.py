"""``layerctl blame``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import documents
from layerctl.cli.declare import App, Argument
from layerctl.cli.render.blame import blame_lines
from layerctl.cli.rootpaths import root_paths
from layerctl.errors import UsageError

if TYPE_CHECKING:
    from layerctl.cli.session import Session

_EXAMPLES = """\
Examples:
  layerctl blame /etc                # the last commit of each entry
  layerctl blame /etc/passwd         # the commit of each line
  layerctl blame v1 /etc/passwd      # as it was in v1
"""


app = App()


@app.command(words="paths", epilog=_EXAMPLES, usage=("[REV]", "PATH"))
def blame(
    session: Session,
    words: Annotated[
        list[str] | None, Argument(metavar="REV PATH", help="A commit (HEAD by default) and a path of it.")
    ] = None,
) -> None:
    """Show who last changed each line of a text file, or each entry of a directory, and when.

    Looks at commits, not at what is not committed.
    """
    revision, path = _split(words or [], session.paths)
    repository = session.repository()
    [where] = root_paths(repository, [path])
    found = repository.blame(where, revision)
    if session.out.json:
        session.out.document(documents.blame(found))
    else:
        session.out.page(blame_lines(found, datetime.now().astimezone(), session.out.style, session.out.width))


def _split(words: list[str], after_dashes: list[str] | None) -> tuple[str, str]:
    words = [*words, *(after_dashes or ())]
    if not words:
        raise UsageError("blame needs a path", hint="for example 'layerctl blame /etc'")
    if len(words) > 2 or len(after_dashes or ()) > 1:
        raise UsageError("blame takes one path", hint="for example 'layerctl blame v1 /etc'")
    return words[0] if len(words) == 2 else "HEAD", words[-1]
