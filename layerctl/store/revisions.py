"""Revisions in Git's syntax, with HEAD meaning the worktree's. Source: gitrevisions(7)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from layerctl.errors import RevisionNotFound
from layerctl.model.ids import CommitId

if TYPE_CHECKING:
    from layerctl.model.worktree import Head
    from layerctl.store.git import GitRepository

#: What is set aside, each under the number of its operation.
STASHES = "refs/layerctl/stash/"

_STASH = re.compile(r"stash(?:@\{(\d+)\})?(?=$|[~^:])")
_HEAD = re.compile(r"(?:HEAD|@)(?=$|[~^@{:])")


def head_ref(worktree: str) -> str:
    """The ref that follows a worktree's HEAD: it keeps a detached commit alive and its reflog is HEAD's."""
    return f"refs/layerctl/worktrees/{worktree}"


class Revisions:
    """Resolves revisions for one worktree.

    Args:
        git: the repository.
        worktree: whose HEAD is meant.
        head: what that HEAD says.
    """

    def __init__(self, git: GitRepository, worktree: str, head: Head) -> None:
        self._git = git
        self._worktree = worktree
        self._head = head

    def head_commit(self) -> CommitId | None:
        """The commit that HEAD leads to; None on an unborn branch."""
        if self._head.commit is not None:
            return self._head.commit
        found = self._git.ref(f"refs/heads/{self._head.branch}")
        return CommitId(found) if found else None

    def resolve(self, revision: str) -> CommitId:
        """The commit that a revision names.

        Raises:
            RevisionNotFound: none, or more than one.
        """
        spelled = self._spell(revision)
        try:
            return self._git.resolve(spelled)
        except RevisionNotFound as exc:
            raise RevisionNotFound(exc.message.replace(f"'{spelled}'", f"'{revision}'", 1), hint=exc.hint) from exc

    def _spell(self, revision: str) -> str:
        if not revision:
            raise RevisionNotFound("an empty revision names no commit")
        if revision.startswith("@{") and self._head.branch is not None:
            return f"refs/heads/{self._head.branch}{revision}"
        match = _STASH.match(revision)
        if match is not None and not self._is_name("stash"):
            return self._stash(int(match[1] or 0)) + revision[match.end() :]
        match = _HEAD.match(revision)
        if match is None:
            return revision
        commit = self.head_commit()
        if commit is None:
            raise RevisionNotFound(
                f"HEAD has no commits yet: branch '{self._head.branch}' is unborn",
                hint="'layerctl import SOURCE' makes the first",
            )
        rest = revision[match.end() :]
        return (head_ref(self._worktree) if rest.startswith("@{") else commit.hex) + rest

    def _is_name(self, name: str) -> bool:
        return any(self._git.ref(f"refs/{kind}/{name}") is not None for kind in ("heads", "tags"))

    def _stash(self, index: int) -> str:
        refs = stash_refs(self._git)
        if index >= len(refs):
            raise RevisionNotFound(
                f"there is no stash@{{{index}}}" if refs else "nothing is stashed",
                hint="'layerctl stash list' shows what there is",
            )
        return refs[index]


def stash_refs(git: GitRepository) -> list[str]:
    """The refs of what is set aside, newest first."""
    return sorted(git.refs(STASHES), key=lambda ref: int(ref.removeprefix(STASHES)), reverse=True)
