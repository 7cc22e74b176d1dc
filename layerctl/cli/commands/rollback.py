"""``layerctl rollback``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import documents
from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.text import one_line, printable
from layerctl.errors import UsageError

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style
    from layerctl.cli.session import Session
    from layerctl.model.commit import ImageCommit
    from layerctl.model.results import RollbackResult

_EXAMPLES = """\
Examples:
  layerctl rollback          # the last commit, and whatever is not committed
  layerctl rollback HEAD     # only what is not committed
  layerctl rollback v1       # back to the tag v1
"""

app = App()


@app.command(epilog=_EXAMPLES)
def rollback(
    session: Session,
    revision: Annotated[
        str | None, Argument(metavar="REV", help="An ancestor of HEAD, or HEAD itself; the parent by default.")
    ] = None,
    count: Annotated[int | None, Option("-n", metavar="N", help="Go back N commits, instead of naming one.")] = None,
    discard: Annotated[bool, Option("--discard", help="Drop uncommitted changes instead of parking them.")] = False,
    stop: Annotated[bool, Option("--stop", help="Stop a container that runs in the rootfs.")] = False,
) -> None:
    """Go back to an earlier commit, in place, even while somebody works in the rootfs.

    Uncommitted changes are parked whole: 'layerctl undo' brings them back.
    """
    if revision is not None and count is not None:
        raise UsageError("REV and -n exclude each other")
    if count is not None and count < 1:
        raise UsageError(
            f"cannot go back {count} commits", hint="'layerctl rollback HEAD' drops only what is uncommitted"
        )
    repository = session.repository()
    result = repository.rollback(revision, count=count or 1, discard=discard, stop=stop)
    if session.out.json:
        session.out.document(documents.rollback(result))
    elif not session.out.quiet:
        target = next(iter(repository.log([result.new.hex], limit=1))).commit
        session.out.lines(summary(result, target, session.out.style))


def summary(result: RollbackResult, target: ImageCommit, style: Style) -> Iterator[str]:
    """From where to where, what became of uncommitted changes, and how to undo it."""
    name = printable(result.branch) if result.branch is not None else "HEAD (detached)"
    old, new = style(result.old.short, "yellow"), style(result.new.short, "yellow")
    moved = f"{old} → {new}" if result.old != result.new else new
    yield f"{name}: {moved} {one_line(target.subject)}".rstrip()
    if result.parked:
        yield f"Parked the uncommitted changes (operation {result.operation})"
    yield "'layerctl undo' takes it back"
