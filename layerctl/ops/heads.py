"""Moving a worktree's HEAD."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.errors import BranchCheckedOut
from layerctl.model.operation import FileMove, Move, RefMove
from layerctl.model.worktree import Head
from layerctl.store.revisions import head_ref
from layerctl.store.worktrees import list_worktrees

if TYPE_CHECKING:
    from layerctl.model.ids import CommitId
    from layerctl.ops.context import Context


def advance(context: Context, old: CommitId | None, new: CommitId, message: str) -> list[Move]:
    """Moves for HEAD's commit to change: of its branch, or of HEAD itself when it is detached."""
    head = context.worktree.head
    moves: list[Move] = []
    if head.ref is not None:
        moves.append(RefMove(head.ref, old.hex if old else None, new.hex, message))
    else:
        moves.append(FileMove(context.worktree.head_path, head.to_text(), Head(commit=new).to_text()))
    return [*moves, *follow(context, new, message)]


def switch(context: Context, head: Head, commit: CommitId, message: str) -> list[Move]:
    """Moves for HEAD to name another branch or commit."""
    worktree = context.worktree
    old = worktree.head_text if worktree.exists else None
    moves: list[Move] = []
    if old != head.to_text():
        moves.append(FileMove(worktree.head_path, old, head.to_text()))
    return [*moves, *follow(context, commit, message)]


def follow(context: Context, commit: CommitId, message: str) -> list[Move]:
    """Moves for the ref that follows a worktree's HEAD and keeps its reflog."""
    name = head_ref(context.worktree.name)
    before = context.store.git.ref(name)
    return [RefMove(name, before, commit.hex, message)] if before != commit.hex else []


def keep(context: Context, number: int, commits: list[CommitId]) -> list[Move]:
    """Moves that keep commits reachable which an operation leaves behind."""
    names = [f"refs/layerctl/operations/{number}-{index}" for index in range(len(commits))]
    return [RefMove(name, None, commit.hex, keep=True) for name, commit in zip(names, commits, strict=True)]


def holder_of(context: Context, branch: str) -> str | None:
    """The name of the worktree that has a branch checked out."""
    for worktree in list_worktrees(context.layout):
        if worktree.head.branch == branch:
            return worktree.name
    return None


def check_free(context: Context, branch: str) -> None:
    """Raises BranchCheckedOut if another worktree has a branch checked out."""
    holder = holder_of(context, branch)
    if holder is not None and holder != context.worktree.name:
        raise BranchCheckedOut(f"the branch '{branch}' is checked out in the worktree '{holder}'")
