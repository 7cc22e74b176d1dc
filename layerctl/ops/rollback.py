"""``rollback``: back to an ancestor, with the write layer set aside whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from layerctl.errors import Conflict, NothingToCommit, RevisionNotFound, UsageError
from layerctl.model.ids import CommitId
from layerctl.model.operation import Move
from layerctl.model.results import RollbackResult
from layerctl.mount.worktree import release_all_aside
from layerctl.ops.container import refuse_running, stop_running
from layerctl.ops.context import Context
from layerctl.ops.heads import advance, keep
from layerctl.ops.hooking import hooks_of
from layerctl.ops.rootfs import (
    has_changes,
    mount_of,
    overlay_spec,
    prepare_write_layer,
    record_move,
    remount,
    set_aside,
)


def rollback(context: Context, revision: str | None, *, count: int, discard: bool, stop: bool) -> RollbackResult:
    """See :meth:`layerctl.ops.repository.Repository.rollback`."""
    hooks = hooks_of(context)
    with context.changing_worktree():
        old = context.head()
        if old is None or context.worktree.record.base is None:
            raise NothingToCommit("nothing to roll back: nothing is checked out yet")
        new = _target(context, old, revision, count)
        hooks.run("pre-rollback", old=old.hex, new=new.hex)
        if stop:
            stop_running(context)
        refuse_running(context)
        parked = has_changes(context) and not discard
        number = _perform(context, old, new, discard=discard)
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
            raise RevisionNotFound(
                f"HEAD has only {done} ancestor{'s'[: done != 1]}: there is nothing before {here.short}",
                hint="'layerctl rollback HEAD' drops just the uncommitted changes",
            )
        here = parent
    return here


def _perform(context: Context, old: CommitId, new: CommitId, *, discard: bool) -> int:
    mount = mount_of(context)
    record = replace(context.worktree.record, base=new, targets=())
    spec = overlay_spec(context, record)
    with context.store.staging("rollback") as staging:
        fresh = prepare_write_layer(context, staging, new)
        with context.applying() as number:
            aside = f"tmp/{staging.name}/old" if discard else f"parked/{number}"
            moves: list[Move] = [
                *(advance(context, old, new, f"rollback: moving to {new.short}") if old != new else []),
                *(keep(context, number, [old]) if old != new else []),
                *set_aside(context, aside, keep=discard),
                *fresh,
                record_move(context, record),
            ]
            context.perform(number, "rollback", moves)
        release_all_aside(context.layout.parked)
        remount(context, mount, spec, _aside(context, number) if not discard else None)
    return number


def _aside(context: Context, number: int) -> Path:
    """Where the mount that was in use goes: beside its parked write layer."""
    folder = context.layout.parked / str(number) / "mount"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
