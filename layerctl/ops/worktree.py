"""``worktree``: more than one checked-out rootfs."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import (
    AlreadyExists,
    BranchCheckedOut,
    Busy,
    DirtyWorktree,
    UsageError,
    WorktreeNotFound,
)
from layerctl.model.operation import FileMove, Move, RefMove, Rename
from layerctl.model.results import CheckoutResult, WorktreeInfo
from layerctl.model.worktree import WorktreeRecord
from layerctl.mount.worktree import WorktreeMount
from layerctl.ops.checkout import Target, branch_moves, check_mountpoint, find_target, result_of
from layerctl.ops.container import refuse_running, running
from layerctl.ops.heads import follow
from layerctl.ops.hooking import hooks_of
from layerctl.ops.mounting import ensure_mounted, mount_of
from layerctl.ops.rootfs import prepare_write_layer
from layerctl.ops.status import uncommitted
from layerctl.store.revisions import head_ref
from layerctl.store.worktrees import DEFAULT, Worktree, check_name, record_text
from layerctl.store.worktrees import list_worktrees as worktrees_of

if TYPE_CHECKING:
    from layerctl.ops.context import Context


def add_worktree(context: Context, name: str, revision: str | None, *, at: Path | None, detach: bool) -> CheckoutResult:
    """See :meth:`layerctl.ops.repository.Repository.add_worktree`."""
    check_name(name)
    context.store.check_namespace()
    new = context.for_worktree(Worktree(name, context.layout))
    with context.store.lock.in_use():
        if new.worktree.exists:
            raise AlreadyExists(f"a worktree '{name}' exists already", hint="'layerctl worktree list' shows it")
        target = _target(context, name, revision, detach=detach)
        place = check_mountpoint(new, at or context.layout.root.parent / f"rootfs-{name}")
        hooks = hooks_of(new, rootfs=place)
        hooks.run("pre-checkout", new=target.commit.hex)
        with WorktreeMount(place).prepared():
            _create(new, target, WorktreeRecord(target.commit, str(place)))
        ensure_mounted(new)
    hooks.run("post-checkout", new=target.commit.hex)
    return result_of(new, target)


def _target(context: Context, name: str, revision: str | None, *, detach: bool) -> Target:
    if detach or revision is not None:
        return _free(context, find_target(context, revision, new_branch=None, detach=detach))
    if context.store.git.ref(f"refs/heads/{name}") is not None:
        return _free(context, find_target(context, name, new_branch=None, detach=False))
    return find_target(context, None, new_branch=name, detach=False)


def _free(context: Context, target: Target) -> Target:
    """The target, unless some worktree (the present one too) has its branch."""
    for worktree in worktrees_of(context.layout):
        if target.head.branch is not None and worktree.head.branch == target.head.branch:
            from_here = f"the branch '{target.head.branch}' is checked out in the worktree '{worktree.name}'"
            raise BranchCheckedOut(from_here)
    return target


def _create(context: Context, target: Target, record: WorktreeRecord) -> None:
    worktree = context.worktree
    with context.store.staging("worktree") as staging:
        context.store.layers.stack(target.commit, context.progress)
        layers = prepare_write_layer(context, staging, target.commit)
        with context.applying() as number:
            moves: list[Move] = [
                *branch_moves(target),
                *layers,
                FileMove(worktree.record_path, None, record_text(record, context.layout), keep=True),
                FileMove(worktree.head_path, None, target.head.to_text(), keep=True),
                *follow(context, target.commit, "worktree: added"),
            ]
            context.perform(number, "worktree add", moves)


def list_worktrees(context: Context) -> list[WorktreeInfo]:
    """See :meth:`layerctl.ops.repository.Repository.list_worktrees`."""
    return [_info(context.for_worktree(worktree)) for worktree in worktrees_of(context.layout)]


def _info(context: Context) -> WorktreeInfo:
    record, head = context.worktree.record, context.worktree.head
    commit = context.head()
    return WorktreeInfo(
        name=context.worktree.name,
        head=commit,
        branch=head.branch,
        mountpoint=record.mountpoint,
        mounted=mount_of(context).current is not None,
        dirty=_is_dirty(context) if record.base is not None else None,
        container=running(context),
    )


def _is_dirty(context: Context) -> bool:
    return any(not change.is_noise for change in uncommitted(context))


def remove_worktree(context: Context, name: str, *, discard: bool) -> int | None:
    """See :meth:`layerctl.ops.repository.Repository.remove_worktree`."""
    check_name(name)
    gone = context.for_worktree(Worktree(name, context.layout))
    if not gone.worktree.exists:
        raise WorktreeNotFound(f"no worktree is called '{name}'")
    if name == DEFAULT:
        raise UsageError("the default worktree cannot be removed", hint="'layerctl checkout' changes what it shows")
    mount = mount_of(gone)
    with gone.changing_worktree():
        refuse_running(gone)
        count = sum(1 for change in uncommitted(gone) if not change.is_noise)
        if count and not discard:
            raise DirtyWorktree(f"the worktree '{name}' has {count} uncommitted change{'s'[: count != 1]}")
        if mount.is_used(gone.worktree.upper):
            raise Busy(f"processes work in the worktree '{name}'", hint="end them, or let them leave it (cd out)")
        mountpoint = gone.worktree.mountpoint
        number = _remove(gone)
        mount.detach()
        with suppress(OSError):
            os.rmdir(mountpoint)
    return number


def _remove(context: Context) -> int:
    worktree = context.worktree
    ref = head_ref(worktree.name)
    with context.applying() as number:
        moves: list[Move] = [Rename(f"worktrees/{worktree.name}", f"parked/{number}/worktree")]
        old = context.store.git.ref(ref)
        if old is not None:
            moves += [RefMove(f"refs/layerctl/operations/{number}-0", None, old, keep=True)]
            moves += [RefMove(ref, old, None, "worktree: removed")]
        context.perform(number, "worktree remove", moves)
    return number
