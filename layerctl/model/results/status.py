"""The state of a worktree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.change import Change
    from layerctl.model.ids import CommitId


@frozen
class Status:
    """The state of one worktree.

    Attributes:
        worktree: its name.
        head: None on an unborn branch.
        branch: None if detached.
        mountpoint: absolute path.
        mounted: whether it is mounted.
        base: the commit that is mounted below the write layer; differs from ``head`` after a commit of a busy rootfs.
        container: id of the running container.
        changes: the rootfs against HEAD, sorted by path; directories with a new mtime alone included.
    """

    worktree: str
    head: CommitId | None
    branch: str | None
    mountpoint: str
    mounted: bool
    base: CommitId | None
    container: str | None
    changes: tuple[Change, ...]
