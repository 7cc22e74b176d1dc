"""``checkout``: mount a commit with a fresh write layer."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import AlreadyExists, DirtyWorktree, MountpointInUse, NothingToCommit, UsageError
from layerctl.model.operation import Move, RefMove
from layerctl.model.results import CheckoutResult
from layerctl.model.worktree import Head, WorktreeRecord
from layerctl.mount.worktree import WorktreeMount
from layerctl.ops.container import refuse_running
from layerctl.ops.heads import check_free, switch
from layerctl.ops.hooking import hooks_of
from layerctl.ops.mounting import ensure_mounted, mount_of
from layerctl.ops.rootfs import prepare_write_layer, record_move, set_aside
from layerctl.ops.status import uncommitted
from layerctl.store.worktrees import list_worktrees
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.ids import CommitId
    from layerctl.ops.context import Context


@frozen
class Target:
    """Where a checkout goes.

    Attributes:
        head: what HEAD shall say.
        commit: what shall be mounted.
        creates: whether ``head``'s branch has to be made.
    """

    head: Head
    commit: CommitId
    creates: bool = False


def checkout(
    context: Context,
    revision: str | None,
    *,
    new_branch: str | None = None,
    at: Path | None = None,
    detach: bool = False,
    discard: bool = False,
    read_only: bool = False,
    volatile: bool = False,
) -> CheckoutResult:
    """See :meth:`layerctl.ops.repository.Repository.checkout`."""
    if read_only and volatile:
        raise UsageError("--read-only and --volatile exclude each other")
    hooks = hooks_of(context)
    with context.changing_worktree():
        target = find_target(context, revision, new_branch=new_branch, detach=detach)
        old = context.head()
        hooks.run("pre-checkout", old=old.hex if old else None, new=target.commit.hex)
        record = context.worktree.record
        moved = at is not None and check_mountpoint(context, at) != Path(record.mountpoint)
        same = record.base is not None and target.commit == context.head() and not discard and not moved
        options = (record.read_only, record.volatile) == (read_only, volatile)
        if same and (options or (revision is None and not (read_only or volatile))):
            _move_head_only(context, target)
            parked = None
        else:
            parked = _replace(context, target, at, discard=discard, read_only=read_only, volatile=volatile)
        ensure_mounted(context)
    hooks.run("post-checkout", old=old.hex if old else None, new=target.commit.hex)
    return result_of(context, target, parked)


def result_of(context: Context, target: Target, parked: int | None = None) -> CheckoutResult:
    """What a checkout reports."""
    return CheckoutResult(
        worktree=context.worktree.name,
        commit=target.commit,
        branch=target.head.branch,
        mountpoint=context.worktree.record.mountpoint,
        parked=parked,
        created_branch=target.creates,
    )


def find_target(context: Context, revision: str | None, *, new_branch: str | None, detach: bool) -> Target:
    """Works out what HEAD shall say.

    Raises:
        UsageError: the options contradict each other.
        AlreadyExists: the new branch is there already.
        BranchCheckedOut: another worktree has the branch.
        NothingToCommit: HEAD has no commits yet.
    """
    if new_branch is not None:
        return _new_branch(context, new_branch, revision, detach=detach)
    if revision is None:
        head, commit = context.worktree.head, context.head()
        if commit is None:
            raise NothingToCommit(
                f"nothing to check out: branch '{head.branch}' has no commits yet",
                hint="'layerctl import SOURCE' makes the first",
            )
        return Target(Head(commit=commit) if detach else head, commit)
    commit = context.revisions.resolve(revision)
    if not detach and context.store.git.ref(f"refs/heads/{revision}") is not None:
        check_free(context, revision)
        return Target(Head(branch=revision), commit)
    return Target(Head(commit=commit), commit)


def _new_branch(context: Context, name: str, revision: str | None, *, detach: bool) -> Target:
    if detach:
        raise UsageError("-b makes a branch and --detach leaves one: use one of them")
    context.store.git.check_ref_name(f"refs/heads/{name}")
    if context.store.git.ref(f"refs/heads/{name}") is not None:
        raise AlreadyExists(f"a branch '{name}' exists already", hint=f"'layerctl checkout {name}' checks it out")
    return Target(Head(branch=name), context.revisions.resolve(revision or "HEAD"), creates=True)


def check_mountpoint(context: Context, at: Path) -> Path:
    """The absolute mount point for ``--at``.

    Raises:
        MountpointInUse: it lies in the repository or holds it, or is another worktree's.
    """
    place = at.absolute().parent.resolve() / at.absolute().name
    root = context.layout.root
    if place.is_relative_to(root) or root.is_relative_to(place):
        raise MountpointInUse(f"{place} cannot be a mount point: the repository is there")
    for other in list_worktrees(context.layout):
        taken = other.mountpoint
        if other.name != context.worktree.name and (place.is_relative_to(taken) or taken.is_relative_to(place)):
            raise MountpointInUse(f"{place} is taken: the worktree '{other.name}' is at {taken}")
    return place


def branch_moves(target: Target) -> list[Move]:
    """Moves that make a target's branch, if it is new."""
    if not target.creates or target.head.ref is None:
        return []
    return [RefMove(target.head.ref, None, target.commit.hex, f"branch: Created from {target.commit.short}")]


def _move_head_only(context: Context, target: Target) -> None:
    """The same commit under another name: the write layer stays."""
    moves = [*branch_moves(target), *switch(context, target.head, target.commit, _message(target))]
    if not moves:
        return
    with context.applying() as number:
        context.perform(number, "checkout", moves)


def _replace(
    context: Context, target: Target, at: Path | None, *, discard: bool, read_only: bool, volatile: bool
) -> int | None:
    refuse_running(context)
    record = context.worktree.record
    changes = uncommitted(context)
    count = sum(1 for change in changes if not change.is_noise)
    if count and not discard:
        raise DirtyWorktree(f"the worktree '{context.worktree.name}' has {count} uncommitted change{'s'[: count != 1]}")
    place = check_mountpoint(context, at) if at is not None else Path(record.mountpoint)
    old_mount = mount_of(context)
    moved = place != Path(record.mountpoint)
    new = WorktreeRecord(target.commit, str(place), read_only=read_only, volatile=volatile)
    # A busy commit leaves what it recorded in the write layer: without it, an undo could not show HEAD again.
    park = bool(changes) or record.base != context.head()
    with WorktreeMount(place).prepared() if moved or old_mount.current is None else nullcontext():
        number = _perform(context, target, new, park=park)
    if moved:
        old_mount.detach()
        with suppress(OSError):
            Path(record.mountpoint).rmdir()
    return number if changes else None


def _perform(context: Context, target: Target, record: WorktreeRecord, *, park: bool) -> int:
    with context.store.staging("checkout") as staging, context.applying() as number:
        context.store.layers.stack(target.commit, context.progress)
        old = f"parked/{number}" if park else f"tmp/{staging.name}/old"
        moves: list[Move] = [
            *branch_moves(target),
            *switch(context, target.head, target.commit, _message(target)),
            *set_aside(context, old, keep=not park),
            *prepare_write_layer(context, staging, target.commit),
            record_move(context, record),
        ]
        context.perform(number, "checkout", moves)
    return number


def _message(target: Target) -> str:
    return f"checkout: moving to {target.head.branch or target.commit.short}"
