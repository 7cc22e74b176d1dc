"""``status``: the rootfs against HEAD."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from layerctl.model.results import Status
from layerctl.ops.container import running
from layerctl.ops.mounting import mount_of
from layerctl.ops.unread import changes_since

if TYPE_CHECKING:
    from layerctl.model.change import Change
    from layerctl.model.ids import CommitId
    from layerctl.ops.context import Context

Read = TypeVar("Read")

_TRIES = 5


def status(context: Context) -> Status:
    """See :meth:`layerctl.ops.repository.Repository.status`."""
    return _steadily(context, lambda: _status(context))


def uncommitted(context: Context) -> tuple[Change, ...]:
    """What differs from HEAD, sorted by path."""
    return _steadily(context, lambda: _uncommitted(context))


def _status(context: Context) -> Status:
    record, head = context.worktree.record, context.worktree.head
    return Status(
        worktree=context.worktree.name,
        head=context.head(),
        branch=head.branch,
        mountpoint=record.mountpoint,
        mounted=mount_of(context).current is not None,
        base=record.base,
        container=running(context),
        changes=_uncommitted(context),
    )


def _uncommitted(context: Context) -> tuple[Change, ...]:
    record, head = context.worktree.record, context.head()
    if record.base is None or head is None:
        return ()
    return changes_since(context, context.store.commits.outline(head).snapshot)


def _steadily(context: Context, read: Callable[[], Read]) -> Read:
    """What ``read`` gives, read again if another command moved HEAD or the write layer meanwhile."""
    tries = _TRIES
    while True:
        before, found, tries = _where(context), read(), tries - 1
        if not tries or _where(context) == before:
            return found


def _where(context: Context) -> tuple[str, str, CommitId | None]:
    return context.worktree.record_text, context.worktree.head_text, context.head()
