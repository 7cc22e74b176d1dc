"""Worktrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.ids import CommitId


@frozen
class CheckoutResult:
    """What ``checkout`` or ``worktree add`` did.

    Attributes:
        worktree: its name.
        commit: what is mounted.
        branch: the branch of HEAD; None if detached.
        mountpoint: absolute path.
        parked: operation number under which a write layer was set aside, if any.
        created_branch: whether ``branch`` is new.
    """

    worktree: str
    commit: CommitId
    branch: str | None
    mountpoint: str
    parked: int | None = None
    created_branch: bool = False


@frozen
class WorktreeInfo:
    """One row of ``worktree list``.

    Attributes:
        name: the worktree's name.
        head: its commit; None on an unborn branch.
        branch: None if detached.
        mountpoint: absolute path.
        mounted: whether it is mounted now.
        dirty: whether its write layer holds anything that differs from HEAD; None where nothing is checked out.
        container: id of the container running in it.
    """

    name: str
    head: CommitId | None
    branch: str | None
    mountpoint: str
    mounted: bool
    dirty: bool | None
    container: str | None
