"""What the verbs return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from layerctl.model.change import Change
from layerctl.model.commit import Author, ImageCommit
from layerctl.model.entry import Entry
from layerctl.model.ids import CommitId
from layerctl.model.layer import LayerDescriptor
from layerctl.model.scan import RootPath


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What ``import`` made.

    Attributes:
        commits: oldest first; one for a directory or tar, one a layer for an image.
        branch: where the last of them is the tip.
        tags: tags that were made.
        entries: paths in the last commit's layers, summed over the layers.
        size: bytes of content, summed over the layers.
        warnings: what could not be taken over, one sentence each.
    """

    commits: tuple[CommitId, ...]
    branch: str
    tags: tuple[str, ...]
    entries: int
    size: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class CommitResult:
    """A commit that was made.

    Attributes:
        commit: its id.
        branch: None if HEAD is detached.
        subject: first line of its message.
        layer: its layer.
        root: whether it has no parent.
    """

    commit: CommitId
    branch: str | None
    subject: str
    layer: LayerDescriptor
    root: bool


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One commit of ``log`` with the names that point at it.

    Attributes:
        commit: the commit.
        refs: short names as Git decorates them: ``HEAD -> main``, ``tag: v1``, ``other``.
    """

    commit: ImageCommit
    refs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diff:
    """Two states of a rootfs compared.

    Attributes:
        old: what is compared with; None for the empty rootfs.
        new: a commit, or None for the write layer.
        changes: sorted by path.
    """

    old: CommitId | None
    new: CommitId | None
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class PathView:
    """What ``show REV:PATH`` shows.

    Attributes:
        path: relative to the rootfs.
        entry: the entry itself.
        children: names and entries of a directory; empty otherwise.
        content: chunks of a regular file's content; None otherwise.
    """

    path: RootPath
    entry: Entry
    children: tuple[tuple[bytes, Entry], ...]
    content: Iterator[bytes] | None


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag.

    Attributes:
        name: short name.
        commit: what it leads to.
        message: an annotated tag's message; None for a lightweight one.
    """

    name: str
    commit: CommitId
    message: str | None


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch.

    Attributes:
        name: short name.
        commit: its tip.
        worktree: the worktree that has it checked out, if any.
        subject: first line of the tip's message.
    """

    name: str
    commit: CommitId
    worktree: str | None
    subject: str


@dataclass(frozen=True, slots=True)
class ReflogLine:
    """One line of ``reflog``.

    Attributes:
        selector: such as ``main@{0}``.
        commit: where the ref went; None where it was deleted.
        message: why.
        author: who.
        date: when.
    """

    selector: str
    commit: CommitId | None
    message: str
    author: Author
    date: datetime


@dataclass(frozen=True, slots=True)
class RollbackResult:
    """What ``rollback`` did.

    Attributes:
        old: HEAD before.
        new: HEAD now.
        operation: its number, for ``undo``.
        parked: whether uncommitted changes were set aside.
        branch: None if HEAD is detached.
        mountpoint: absolute path.
    """

    old: CommitId
    new: CommitId
    operation: int
    parked: bool
    branch: str | None
    mountpoint: str


@dataclass(frozen=True, slots=True)
class UndoResult:
    """What ``undo`` did.

    Attributes:
        operation: the number of the undo itself.
        undone: the number of the operation that was taken back.
        description: what that operation was.
        parked: whether uncommitted work was set aside.
    """

    operation: int
    undone: int
    description: str
    parked: bool


@dataclass(frozen=True, slots=True)
class RestoreOperationResult:
    """What ``op restore`` did.

    Attributes:
        operation: its own number; None if it had nothing to do.
        restored: the operation whose result is there again.
        taken_back: how many operations came after that one.
        parked: whether uncommitted work was set aside.
    """

    operation: int | None
    restored: int
    taken_back: int
    parked: bool


@dataclass(frozen=True, slots=True)
class Freed:
    """Things of one kind that ``gc`` let go.

    Attributes:
        count: how many.
        size: bytes on disk that come free.
    """

    count: int
    size: int


@dataclass(frozen=True, slots=True)
class GcResult:
    """What ``gc`` let go, or would.

    Attributes:
        dry_run: whether it only looked.
        freed: by kind: ``operations``, ``parked``, ``layers``, ``runs``, ``objects``, ``reflog_entries`` and
            ``leftovers``.
        through: the last operation that can no longer be taken back; 0 if all can.
        in_use: what would have gone, but somebody uses it; relative to the repository.
    """

    dry_run: bool
    freed: Mapping[str, Freed]
    through: int
    in_use: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes on disk, altogether."""
        return sum(item.size for item in self.freed.values())


@dataclass(frozen=True, slots=True)
class Share:
    """What something holds on disk.

    Attributes:
        name: of a branch, tag or worktree; a commit's id in hex.
        size: bytes that it holds.
        alone: bytes that nothing else of its kind, nor anything of the others, holds.
        subject: of a commit, the first line of its message.
    """

    name: str
    size: int
    alone: int
    subject: str = ""


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """What a repository takes on disk.

    Attributes:
        parts: bytes of ``layers``, ``write_layers``, ``parked``, ``runs``, ``git`` and ``other``; a file counts for the
            first that has it.
        branches: sorted by name.
        tags: sorted by name.
        worktrees: sorted by name.
        commits: largest first.
    """

    parts: Mapping[str, int]
    branches: tuple[Share, ...]
    tags: tuple[Share, ...]
    worktrees: tuple[Share, ...]
    commits: tuple[Share, ...]

    @property
    def size(self) -> int:
        """Bytes on disk, altogether."""
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``doctor``.

    Attributes:
        name: what was looked at.
        ok: whether it serves.
        detail: what was found.
        hint: what to do if it does not serve.
        needed: False for what layerctl can do without.
    """

    name: str
    ok: bool
    detail: str
    hint: str | None = None
    needed: bool = True
