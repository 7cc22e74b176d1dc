"""``branch``: names that move with their commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.errors import AlreadyExists, BranchCheckedOut, Conflict, RefNotFound
from layerctl.model.ids import CommitId
from layerctl.model.operation import RefMove
from layerctl.model.results import Branch
from layerctl.ops.heads import holder_of, keep
from layerctl.store.worktrees import list_worktrees

if TYPE_CHECKING:
    from layerctl.ops.context import Context

_HEADS = "refs/heads/"


def branches(context: Context) -> list[Branch]:
    """See :meth:`layerctl.ops.repository.Repository.branches`."""
    holders = {worktree.head.branch: worktree.name for worktree in list_worktrees(context.layout)}
    found = ((ref.removeprefix(_HEADS), CommitId(target)) for ref, target in context.store.git.refs(_HEADS).items())
    return [_branch(context, name, commit, holders.get(name)) for name, commit in found]


def create_branch(context: Context, name: str, revision: str, *, force: bool) -> Branch:
    """See :meth:`layerctl.ops.repository.Repository.create_branch`."""
    git, ref = context.store.git, _HEADS + name
    git.check_ref_name(ref)
    with context.store.lock.in_use(), context.applying() as number:
        commit = context.revisions.resolve(revision)
        old = git.ref(ref)
        if old is not None and not force:
            raise AlreadyExists(f"a branch '{name}' exists already", hint="use -f to move it")
        _check_not_checked_out(context, name, "move")
        lost = [CommitId(old)] if old is not None and old != commit.hex else []
        message = f"branch: {'Reset to' if old else 'Created from'} {revision}"
        moves = [*keep(context, number, lost), RefMove(ref, old, commit.hex, message)]
        context.perform(number, "branch", moves)
    return _branch(context, name, commit, None)


def delete_branch(context: Context, name: str, *, force: bool) -> CommitId:
    """See :meth:`layerctl.ops.repository.Repository.delete_branch`."""
    ref = _HEADS + name
    with context.store.lock.in_use(), context.applying() as number:
        old = context.store.git.ref(ref)
        if old is None:
            raise RefNotFound(f"no branch is called '{name}'", hint="'layerctl branch' lists the branches")
        _check_not_checked_out(context, name, "delete")
        commit, head = CommitId(old), context.head()
        if not force and (head is None or not context.store.git.is_ancestor(commit, head)):
            raise Conflict(
                f"the branch '{name}' is not merged into HEAD", hint=f"'layerctl branch -d -f {name}' deletes it anyway"
            )
        context.perform(
            number, "branch", [*keep(context, number, [commit]), RefMove(ref, old, None, "branch: deleted")]
        )
    return commit


def _check_not_checked_out(context: Context, name: str, what: str) -> None:
    holder = holder_of(context, name)
    if holder is not None and context.store.git.ref(_HEADS + name) is not None:
        raise BranchCheckedOut(
            f"cannot {what} the branch '{name}': it is checked out in the worktree '{holder}'",
            hint="check out something else there first",
        )


def _branch(context: Context, name: str, commit: CommitId, holder: str | None) -> Branch:
    return Branch(name, commit, holder, context.store.commits.read(commit).subject)
