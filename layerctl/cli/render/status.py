"""``status`` for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from layerctl.cli.render.changes import list_changes, visible
from layerctl.cli.text import one_line, printable

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style
    from layerctl.model.commit import ImageCommit
    from layerctl.model.results import Status


def status_lines(status: Status, head: ImageCommit | None, style: Style) -> Iterator[str]:
    """Where the worktree is, and what differs from HEAD.

    Args:
        status: the state.
        head: the commit of HEAD.
        style: colours.
    """
    yield from _place(status, style)
    if head is None:
        yield "No commits yet"
        return
    yield f"HEAD {style(head.id.short, 'yellow')} {one_line(head.subject)}".rstrip()
    yield from _mount(status, style)
    yield ""
    changes = visible(status.changes)
    if not changes:
        yield "nothing to commit, rootfs clean"
        return
    yield "Changes since HEAD:"
    yield '  (use "layerctl commit" to record them, "layerctl rollback HEAD" to drop them)'
    yield from list_changes(changes, style, indent="  ", fold=True)


def _place(status: Status, style: Style) -> Iterator[str]:
    if status.branch is not None:
        yield f"On branch {style(printable(status.branch), 'green')}"
    elif status.head is not None:
        yield f"{style('HEAD detached', 'red')} at {status.head.short}"
    if status.worktree != "default":
        yield f"Worktree {printable(status.worktree)}"


def _mount(status: Status, style: Style) -> Iterator[str]:
    where = printable(status.mountpoint)
    if status.mounted:
        yield f"Mounted at {where}"
    else:
        yield f"Not mounted ('layerctl checkout' mounts it at {where})"
    if status.base is not None and status.base != status.head:
        yield f"Mounted from {style(status.base.short, 'yellow')}: HEAD was committed while the rootfs was in use"
    if status.container is not None:
        yield f"Container {style(printable(status.container), 'cyan')} is running"
