"""One look at a repository that may be damaged: where it is, what was found in it, and what was found wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.layer.xattrs import XattrNamespace
from layerctl.model.problem import Checked, Problem, Severity
from layerctl.model.progress import Progress, silent
from layerctl.values import field, frozen, record

if TYPE_CHECKING:
    from layerctl.model.ids import CommitId, Digest, LayerId, ObjectId
    from layerctl.model.layer import LayerDescriptor
    from layerctl.model.operation import Operation
    from layerctl.model.worktree import Head, WorktreeRecord
    from layerctl.store.layout import Layout
    from layerctl.store.rawgit import RawGit
    from layerctl.store.rawrefs import RawRef


@frozen
class FoundCommit:
    """A commit as far as it could be read.

    Attributes:
        id: its id.
        parents: its parents.
        needed: whether a ref or a worktree leads to it, and not a log alone.
        tree: its tree.
        snapshot: the root tree of its rootfs; None if the commit's tree is broken.
        config: the blob of its config.
        layer: its layer's descriptor; None if that is broken.
    """

    id: CommitId
    parents: tuple[CommitId, ...]
    needed: bool
    tree: ObjectId
    snapshot: ObjectId | None = None
    config: ObjectId | None = None
    layer: LayerDescriptor | None = None

    @property
    def parent(self) -> CommitId | None:
        """The first parent, or None for a base image."""
        return self.parents[0] if self.parents else None


@record
class FoundWorktree:
    """A worktree as far as it could be read.

    Attributes:
        name: the name of its folder.
        head: what HEAD says, if that can be read.
        record: its record, if that can be read.
    """

    name: str
    head: Head | None = None
    record: WorktreeRecord | None = None


@record
class Survey:
    """What one pass over a repository knows. Checks add to it; they read what earlier ones left.

    Attributes:
        layout: the repository's folders.
        git: its Git objects.
        quick: leave contents unread.
        namespace: where its overlay marks are.
        progress: told how far the work is.
        problems: what was found wrong.
        refs: all refs, by name.
        worktrees: all worktrees, by name.
        operations: all operation records that can be read, by number.
        pending: the operation that was being made, if it can be read.
        roots: the commits that refs and worktrees lead to.
        mentions: the commits that only reflogs and operation records name.
        commits: all commits that can be read, parents first.
        layer_names: folders of layers, as they were while nothing moved.
        run_names: folders of compacted runs, likewise.
        digests: digests of files with several names, by device and inode number.
    """

    layout: Layout
    git: RawGit
    quick: bool
    progress: Progress = silent
    namespace: XattrNamespace = XattrNamespace.TRUSTED
    problems: list[Problem] = field(default_factory=list)
    refs: dict[str, RawRef] = field(default_factory=dict)
    worktrees: dict[str, FoundWorktree] = field(default_factory=dict)
    operations: dict[int, Operation] = field(default_factory=dict)
    pending: Operation | None = None
    roots: set[CommitId] = field(default_factory=set)
    mentions: set[CommitId] = field(default_factory=set)
    commits: dict[CommitId, FoundCommit] = field(default_factory=dict)
    layer_names: list[str] = field(default_factory=list)
    run_names: list[str] = field(default_factory=list)
    digests: dict[tuple[int, int], Digest] = field(default_factory=dict)
    objects_seen: int = 0
    files_seen: int = 0
    bytes_read: int = 0
    _children: dict[CommitId, list[CommitId]] | None = None

    def report(
        self,
        severity: Severity,
        kind: str,
        path: str | bytes | Path,
        text: str,
        *,
        commits: tuple[CommitId, ...] = (),
        repairable: bool = False,
    ) -> None:
        """Notes a problem; ``path`` is in the repository, absolute or relative to it."""
        place = os.fsencode(path)
        root = os.fsencode(self.layout.root) + b"/"
        self.problems.append(Problem(severity, kind, place.removeprefix(root), text, commits, repairable))

    def error(self, kind: str, path: str | bytes | Path, text: str, **more: object) -> None:
        """Notes an error; see :meth:`report`."""
        self.report(Severity.ERROR, kind, path, text, **more)  # type: ignore[arg-type]

    def warning(self, kind: str, path: str | bytes | Path, text: str, **more: object) -> None:
        """Notes a warning; see :meth:`report`."""
        self.report(Severity.WARNING, kind, path, text, **more)  # type: ignore[arg-type]

    def note(self, kind: str, path: str | bytes | Path, text: str, **more: object) -> None:
        """Notes something harmless; see :meth:`report`."""
        self.report(Severity.NOTE, kind, path, text, **more)  # type: ignore[arg-type]

    def stray(self, path: Path) -> None:
        """Notes something that has no business where it is; what begins with a dot was being written."""
        if path.name.startswith("."):
            self.note("leftover", path, "was left by a command that was killed", repairable=True)
        else:
            self.note("unknown-file", path, "is nothing that layerctl knows", repairable=True)

    def descendants(self, starts: tuple[CommitId, ...]) -> tuple[CommitId, ...]:
        """Commits and all that grow on them along first parents: those whose rootfs has their layers in it."""
        if self._children is None:
            self._children = {}
            for commit in self.commits.values():
                if commit.parent is not None:
                    self._children.setdefault(commit.parent, []).append(commit.id)
        found = dict.fromkeys(starts)
        todo = list(starts)
        while todo:
            for child in self._children.get(todo.pop(), ()):
                if child not in found:
                    found[child] = None
                    todo.append(child)
        return tuple(found)

    def owners(self) -> dict[LayerId, list[FoundCommit]]:
        """The commits of each layer."""
        found: dict[LayerId, list[FoundCommit]] = {}
        for commit in self.commits.values():
            if commit.layer is not None:
                found.setdefault(commit.layer.id, []).append(commit)
        return found

    def checked(self) -> Checked:
        """How much was looked at."""
        return Checked(
            self.objects_seen,
            len(self.commits),
            len(self.layer_names),
            len(self.run_names),
            self.files_seen,
            self.bytes_read,
        )


def names_in(folder: Path) -> list[str]:
    """What is in a folder, sorted; nothing if it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
