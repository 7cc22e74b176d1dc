"""``rollback``: back to an ancestor, with the write layer set aside whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.errors import Conflict, NothingToCommit, RevisionNotFound, UsageError
from layerctl.model.results import RollbackResult
from layerctl.ops.container import refuse_running, stop_running
from layerctl.ops.heads import advance, keep
from layerctl.ops.hooking import hooks_of
from layerctl.ops.rootfs import has_changes, prepare_write_layer
from layerctl.ops.switch import switch

if TYPE_CHECKING:
    from layerctl.model.ids import CommitId
    from layerctl.model.operation import Move
    from layerctl.ops.context import Context

_CHECK_OUT = "'layerctl checkout' mounts a commit"


def rollback(context: Context, revision: str | None, *, count: int, discard: bool, stop: bool) -> RollbackResult:
    """See :meth:`layerctl.ops.repository.Repository.rollback`."""
    hooks = hooks_of(context)
    with context.changing_worktree():
        old = context.head()
        if old is None or context.worktree.record.base is None:
            raise NothingToCommit("nothing to roll back: nothing is checked out", hint=_CHECK_OUT)
        new = _target(context, old, revision, count)
        hooks.run("pre-rollback", old=old.hex, new=new.hex)
        if not stop:
            refuse_running(context)
        number, parked = _perform(context, old, new, discard=discard)
    hooks.run("post-rollback", old=old.hex, new=new.hex)
    record, head = context.worktree.record, context.worktree.head
    return RollbackResult(old, new, number, parked, head.branch, record.mountpoint)


def _target(context: Context, old: CommitId, revision: str | None, count: int) -> CommitId:
    if revision is None:
        return _parents_back(context, old, count)
    new = context.revisions.resolve(revision)
    if not context.store.git.is_ancestor(new, old):
        raise Conflict(
            f"'{revision}' is no ancestor of HEAD", hint=f"'layerctl checkout {revision}' goes to another line"
        )
    return new


def _parents_back(context: Context, start: CommitId, count: int) -> CommitId:
    if count < 1:
        raise UsageError("-n needs a number of at least 1")
    here = start
    for done in range(count):
        parent = context.store.commits.read(here).parent
        if parent is None:
            few = f"HEAD has only {done} ancestor{'s'[: done != 1]}" if done else "HEAD is a base image"
            raise RevisionNotFound(
                f"{few}: there is nothing before {here.short}",
                hint="'layerctl rollback HEAD' drops just the uncommitted changes",
            )
        here = parent
    return here


def _perform(context: Context, old: CommitId, new: CommitId, *, discard: bool) -> tuple[int, bool]:
    """Returns the operation's number, and whether uncommitted changes were parked."""
    context.store.layers.stack(new, context.progress)
    parked = False

    def ready() -> None:
        nonlocal parked
        stop_running(context)
        parked = has_changes(context) and not discard

    def moves(number: int) -> list[Move]:
        if old == new:
            return []
        return [*advance(context, old, new, f"rollback: moving to {new.short}"), *keep(context, number, [old])]

    with context.store.staging("rollback") as staging:
        fresh = prepare_write_layer(context, staging, new)
        number = switch(context, "rollback", new, fresh, moves, drop=staging if discard else None, ready=ready)
    return number, parked
