"""Image commits as Git commits: a tree of ``config.json``, ``layer.json`` and ``rootfs/``."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pygit2

from layerctl.errors import Damaged
from layerctl.model.commit import Author, CommitDraft, ImageCommit
from layerctl.model.config import ImageConfig
from layerctl.model.ids import CommitId, ObjectId
from layerctl.model.layer import LayerDescriptor
from layerctl.store.git import GitRepository, to_datetime, to_signature, tree_rows
from layerctl.store.refusals import system_errors


@dataclass(frozen=True, slots=True)
class Outline:
    """Of a commit, what a walk through the history of a path looks at.

    Attributes:
        parents: empty for a base image.
        snapshot: the Git tree of the rootfs listing.
    """

    parents: tuple[CommitId, ...]
    snapshot: ObjectId


_CONFIG = "config.json"
_LAYER = "layer.json"
_ROOTFS = "rootfs"


class CommitStore:
    """Writes and reads image commits.

    Args:
        git: where they are.
    """

    def __init__(self, git: GitRepository) -> None:
        self._git = git
        self._cache: dict[CommitId, ImageCommit] = {}

    def write(self, draft: CommitDraft) -> CommitId:
        """Stores a commit; moves no ref."""
        layer = json.dumps(draft.layer.to_json(), indent=1, sort_keys=True).encode() + b"\n"
        tree = self._git.write_tree(
            tree_rows(
                [
                    (_CONFIG.encode(), False, self._git.write_blob(draft.config.to_bytes())),
                    (_LAYER.encode(), False, self._git.write_blob(layer)),
                    (_ROOTFS.encode(), True, draft.snapshot),
                ]
            )
        )
        with system_errors():
            oid = self._git.raw.create_commit(
                None,
                to_signature(draft.author, draft.date),
                to_signature(draft.committer, draft.commit_date),
                draft.message.rstrip("\n") + "\n",
                pygit2.Oid(raw=tree),
                [pygit2.Oid(hex=parent.hex) for parent in draft.parents],
            )
        return CommitId(str(oid))

    def read(self, commit: CommitId) -> ImageCommit:
        """Loads a commit.

        Raises:
            Damaged: it is missing, or no image commit.
        """
        if commit not in self._cache:
            self._cache[commit] = self._load(commit)
        return self._cache[commit]

    def outline(self, commit: CommitId) -> Outline:
        """Parents and snapshot: two objects instead of all that :meth:`read` looks at.

        Raises:
            Damaged: it is missing, or no image commit.
        """
        if commit in self._cache:
            return Outline(self._cache[commit].parents, self._cache[commit].snapshot)
        try:
            found = self._git.raw[commit.hex].peel(pygit2.Commit)
            snapshot = found.tree[_ROOTFS].id
        except (KeyError, ValueError, pygit2.GitError) as exc:
            raise _damaged(commit) from exc
        return Outline(tuple(CommitId(str(parent)) for parent in found.parent_ids), ObjectId(snapshot.raw))

    def config(self, commit: ImageCommit) -> ImageConfig:
        """The OCI image config of a commit."""
        return ImageConfig.from_bytes(self._git.read(commit.config_id))

    def _load(self, commit: CommitId) -> ImageCommit:
        try:
            found = self._git.raw[commit.hex].peel(pygit2.Commit)
            tree = found.tree
            layer = LayerDescriptor.from_json(json.loads(self._git.read(ObjectId(tree[_LAYER].id.raw))))
            snapshot, config = tree[_ROOTFS].id, tree[_CONFIG].id
        except (KeyError, ValueError, pygit2.GitError) as exc:
            raise _damaged(commit) from exc
        author, committer = found.author, found.committer
        return ImageCommit(
            id=commit,
            parents=tuple(CommitId(str(parent)) for parent in found.parent_ids),
            author=Author(author.name, author.email),
            date=to_datetime(author.time, author.offset),
            committer=Author(committer.name, committer.email),
            commit_date=to_datetime(committer.time, committer.offset),
            message=found.message.rstrip("\n"),
            snapshot=ObjectId(snapshot.raw),
            config_id=ObjectId(config.raw),
            layer=layer,
        )


def _damaged(commit: CommitId) -> Damaged:
    return Damaged(f"commit {commit.short} is missing or no image commit")
