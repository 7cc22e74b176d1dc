"""``layerctl revert``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import recovery_documents as documents
from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.message import given_message
from layerctl.cli.render.changes import list_changes, visible
from layerctl.cli.render.quantities import layer_text
from layerctl.cli.text import one_line, printable
from layerctl.errors import UsageError

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style
    from layerctl.cli.session import Session
    from layerctl.model.recovery import RevertResult

_EXAMPLES = """\
Examples:
  layerctl revert HEAD~3
  layerctl revert --no-commit v2
"""

app = App()


@app.command(epilog=_EXAMPLES)
def revert(
    session: Session,
    revision: Annotated[str, Argument(metavar="REV", help="The commit whose change is taken back.")],
    message: Annotated[
        list[str] | None, Option("-m", "--message", metavar="MSG", help="The message; again: a paragraph.")
    ] = None,
    no_commit: Annotated[
        bool, Option("-n", "--no-commit", help="Only change the rootfs; leave it uncommitted.")
    ] = False,
) -> None:
    """Take one commit's change back with a new commit, and show the result in the rootfs.

    If what it changed was changed again since then, nothing happens and the paths are listed. 'layerctl undo' takes it
    back.
    """
    if no_commit and message:
        raise UsageError("--no-commit makes no commit that could have a message")
    text = given_message(message or (), None)
    result = session.repository().revert(revision, message=text, commit=not no_commit)
    if session.out.json:
        session.out.document(documents.revert(result))
    elif not session.out.quiet:
        session.out.lines(summary(result, session.out.style))


def summary(result: RevertResult, style: Style) -> Iterator[str]:
    """The new commit, or the changes that are not committed."""
    if result.commit is None or result.layer is None:
        yield from list_changes(visible(result.changes), style, fold=True)
        yield f"Took {style(result.reverted.short, 'yellow')} back; 'layerctl commit' records it"
        return
    where = printable(result.branch) if result.branch is not None else "detached HEAD"
    yield f"[{where} {result.commit.short}] {one_line(result.subject)}".rstrip()
    yield f" {layer_text(result.layer)}"
