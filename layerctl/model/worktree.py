"""A worktree's state as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layerctl.model.ids import CommitId
from layerctl.values import frozen

_REF = "ref: "
_BRANCH = "refs/heads/"


@frozen
class Head:
    """What a worktree's HEAD says: a branch, or a commit when it is detached. Exactly one is set.

    Attributes:
        branch: short branch name.
        commit: the commit of a detached HEAD.
    """

    branch: str | None = None
    commit: CommitId | None = None

    def to_text(self) -> str:
        """The content of the HEAD file, as Git writes it."""
        return f"{_REF}{_BRANCH}{self.branch}\n" if self.branch is not None else f"{self.commit}\n"

    @classmethod
    def from_text(cls, text: str) -> Head:
        """The inverse of :meth:`to_text`."""
        line = text.strip()
        if line.startswith(_REF):
            return cls(branch=line.removeprefix(_REF).removeprefix(_BRANCH))
        return cls(commit=CommitId(line))

    @property
    def ref(self) -> str | None:
        """The full name of the branch."""
        return f"{_BRANCH}{self.branch}" if self.branch is not None else None


@frozen
class WorktreeRecord:
    """What ``worktree.json`` remembers.

    Attributes:
        base: the commit whose layers the write layer lies on; None before the first checkout.
        mountpoint: absolute path; on disk relative to the folder that holds the repository, if it lies in there.
        read_only: mounted without a write layer.
        volatile: mounted without durability.
        container: id of the container that runs in it, if any.
        targets: what an OCI runtime made as mount targets, which is no change of the user's: path and "is a directory".
    """

    base: CommitId | None
    mountpoint: str
    read_only: bool = False
    volatile: bool = False
    container: str | None = None
    targets: tuple[tuple[str, bool], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "base": self.base.hex if self.base else None,
            "mountpoint": self.mountpoint,
            "read_only": self.read_only,
            "volatile": self.volatile,
            "container": self.container,
            "targets": [list(target) for target in self.targets],
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> WorktreeRecord:
        """The inverse of :meth:`to_json`."""
        return cls(
            base=CommitId(raw["base"]) if raw["base"] else None,
            mountpoint=raw["mountpoint"],
            read_only=raw["read_only"],
            volatile=raw["volatile"],
            container=raw["container"],
            targets=tuple((path, is_dir) for path, is_dir in raw["targets"]),
        )
