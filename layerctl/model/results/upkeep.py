"""What a repository takes, and what came free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping


@frozen
class Freed:
    """Things of one kind that ``gc`` let go.

    Attributes:
        count: how many.
        size: bytes on disk that come free.
    """

    count: int
    size: int


@frozen
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


@frozen
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


@frozen
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


@frozen
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
