"""``status``: the rootfs against HEAD."""

from __future__ import annotations

from layerctl.model.change import Change
from layerctl.model.results import Status
from layerctl.ops.container import running
from layerctl.ops.context import Context
from layerctl.ops.rootfs import mount_of, read_view
from layerctl.snapshot.compare import compare


def status(context: Context) -> Status:
    """See :meth:`layerctl.ops.repository.Repository.status`."""
    record, head = context.worktree.record, context.worktree.head
    return Status(
        worktree=context.worktree.name,
        head=context.head(),
        branch=head.branch,
        mountpoint=record.mountpoint,
        mounted=mount_of(context).current is not None,
        base=record.base,
        container=running(context),
        changes=uncommitted(context),
    )


def uncommitted(context: Context) -> tuple[Change, ...]:
    """What differs from HEAD, sorted by path."""
    record, head = context.worktree.record, context.head()
    if record.base is None or head is None:
        return ()
    view = read_view(context, tolerant=True)
    commit = context.store.commits.read(head)
    return tuple(change.parsed() for change in compare(view.objects, commit.snapshot, view.snapshot).changes)
