"""``layerctl checkout``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import documents
from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.text import printable

if TYPE_CHECKING:
    from layerctl.cli.session import Session
    from layerctl.model.results import CheckoutResult

_EXAMPLES = """\
Examples:
  layerctl checkout                     # mount HEAD at rootfs/
  layerctl checkout -b try v1           # a new branch from the tag v1
  chroot "$(layerctl checkout main~2)"  # an older commit; HEAD is detached
"""

app = App()


@app.command(epilog=_EXAMPLES)
def checkout(
    session: Session,
    revision: Annotated[str | None, Argument(metavar="REV", help="A branch, or any revision; HEAD by default.")] = None,
    new_branch: Annotated[str | None, Option("-b", metavar="NEW", help="Make a branch there and be on it.")] = None,
    at: Annotated[str | None, Option("--at", metavar="DIR", help="Mount here from now on.")] = None,
    detach: Annotated[bool, Option("--detach", help="Be on no branch, even if one is named.")] = False,
    discard: Annotated[bool, Option("--discard", help="Park uncommitted changes instead of refusing.")] = False,
    read_only: Annotated[bool, Option("--read-only", help="Mount without a write layer.")] = False,
    volatile: Annotated[
        bool, Option("--volatile", help="Never sync the write layer: faster, but a power cut loses it.")
    ] = False,
) -> None:
    """Mount a commit as a rootfs, and print where.

    The mount point is rootfs/ beside .layerctl unless --at names another one. Stdout gets the mount point alone.
    """
    result = session.repository().checkout(
        revision,
        new_branch=new_branch,
        at=Path(at) if at is not None else None,
        detach=detach,
        discard=discard,
        read_only=read_only,
        volatile=volatile,
    )
    report(session, result)


def report(session: Session, result: CheckoutResult) -> None:
    """Says what is mounted now; also for ``worktree add``."""
    if session.out.json:
        session.out.document(documents.checkout(result))
        return
    session.out.note(_position(result))
    if result.parked is not None:
        session.out.note(
            f"Parked the uncommitted changes (operation {result.parked}; 'layerctl undo' brings them back)"
        )
    session.out.line(result.mountpoint)


def _position(result: CheckoutResult) -> str:
    if result.branch is None:
        return f"HEAD is detached at {result.commit.short}"
    new = "new branch" if result.created_branch else "branch"
    return f"On {new} '{printable(result.branch)}' at {result.commit.short}"
