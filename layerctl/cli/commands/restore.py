"""``layerctl restore``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import recovery_documents as documents
from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.render.changes import list_changes, visible
from layerctl.cli.render.quantities import count_text
from layerctl.cli.rootpaths import root_paths

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style
    from layerctl.cli.session import Session
    from layerctl.model.recovery import RestoreResult

_EXAMPLES = """\
Examples:
  layerctl restore /etc/nginx/nginx.conf
  layerctl restore --source v1 /etc /usr/local
  layerctl restore /                      # everything that is not committed
"""

app = App()


@app.command(epilog=_EXAMPLES)
def restore(
    session: Session,
    paths: Annotated[list[str], Argument(metavar="PATH", help="A file, or a directory with all in it.")],
    source: Annotated[
        str | None, Option("-s", "--source", metavar="REV", help="The commit to take them from; HEAD by default.")
    ] = None,
) -> None:
    """Put files and directories back as they are in a commit, while the rootfs is in use.

    What that commit does not have is deleted. Uncommitted changes there are overwritten, as git restore does it, and
    'layerctl undo' does not bring them back. Only the rootfs changes, no branch.
    """
    repository = session.repository()
    result = repository.restore(root_paths(repository, paths), source)
    if session.out.json:
        session.out.document(documents.restore(result))
    elif not session.out.quiet:
        session.out.lines(summary(result, session.out.style))


def summary(result: RestoreResult, style: Style) -> Iterator[str]:
    """How the rootfs changed."""
    changes = visible(result.changes)
    yield from list_changes(changes, style, fold=True)
    what = count_text(len(changes), "path") if changes else "nothing"
    yield f"Restored {what} from {style(result.source.short, 'yellow')}"
