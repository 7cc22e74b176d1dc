"""Image commits as Git commits: a tree of ``config.json``, ``layer.json`` and ``rootfs/``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from layerctl.errors import Damaged
from layerctl.model.commit import CommitDraft, ImageCommit
from layerctl.model.config import ImageConfig
from layerctl.model.ids import CommitId, ObjectId
from layerctl.model.layer import LayerDescriptor
from layerctl.store import objectformat
from layerctl.store.objectformat import CommitObject
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.store.git import GitRepository


@frozen
class Outline:
    """Of a commit, what a walk through the history of a path looks at.

    Attributes:
        parents: empty for a base image.
        snapshot: the Git tree of the rootfs listing.
    """

    parents: tuple[CommitId, ...]
    snapshot: ObjectId


_CONFIG = b"config.json"
_LAYER = b"layer.json"
_ROOTFS = b"rootfs"


class CommitStore:
    """Writes and reads image commits.

    Args:
        git: where they are.
    """

    def __init__(self, git: GitRepository) -> None:
        self._git = git
        self._cache: dict[CommitId, ImageCommit] = {}
        self._outlines: dict[CommitId, Outline] = {}

    def write(self, draft: CommitDraft) -> CommitId:
        """Stores a commit; moves no ref."""
        layer = json.dumps(draft.layer.to_json(), indent=1, sort_keys=True).encode() + b"\n"
        tree = self._git.write_tree(
            objectformat.format_tree(
                [
                    (_CONFIG, False, self._git.write_blob(draft.config.to_bytes())),
                    (_LAYER, False, self._git.write_blob(layer)),
                    (_ROOTFS, True, draft.snapshot),
                ]
            )
        )
        return self._git.write_commit(
            CommitObject(
                tree=tree,
                parents=draft.parents,
                author=draft.author,
                date=draft.date,
                committer=draft.committer,
                commit_date=draft.commit_date,
                message=draft.message,
            )
        )

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
        outline = self._outlines.get(commit)
        if outline is None:
            found, tree = self._find(commit)
            outline = self._outlines[commit] = Outline(found.parents, tree[_ROOTFS])
        return outline

    def config(self, commit: ImageCommit) -> ImageConfig:
        """The OCI image config of a commit."""
        return ImageConfig.from_bytes(self._git.read(commit.config_id))

    def _load(self, commit: CommitId) -> ImageCommit:
        found, tree = self._find(commit)
        try:
            layer = LayerDescriptor.from_json(json.loads(self._git.read(tree[_LAYER])))
        except (KeyError, ValueError) as exc:
            raise _damaged(commit) from exc
        return ImageCommit(
            id=commit,
            parents=found.parents,
            author=found.author,
            date=found.date,
            committer=found.committer,
            commit_date=found.commit_date,
            message=found.message,
            snapshot=tree[_ROOTFS],
            config_id=tree[_CONFIG],
            layer=layer,
        )

    def _find(self, commit: CommitId) -> tuple[CommitObject, dict[bytes, ObjectId]]:
        try:
            kind, data = self._git.find(ObjectId(bytes.fromhex(commit.hex)))
            if kind != "commit":
                raise _damaged(commit)
            found = objectformat.parse_commit(data)
            tree = objectformat.parse_tree(self._git.find(found.tree)[1])
        except Damaged as exc:
            raise _damaged(commit) from exc
        if not {_CONFIG, _LAYER, _ROOTFS} <= tree.keys():
            raise _damaged(commit)
        return found, tree


def _damaged(commit: CommitId) -> Damaged:
    return Damaged(f"commit {commit.short} is missing or no image commit")
