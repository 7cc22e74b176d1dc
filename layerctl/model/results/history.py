"""Commits, their differences and their paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from layerctl.model.change import Change
    from layerctl.model.commit import ImageCommit
    from layerctl.model.entry import Entry
    from layerctl.model.ids import CommitId
    from layerctl.model.scan import RootPath


@frozen
class LogEntry:
    """One commit of ``log`` with the names that point at it.

    Attributes:
        commit: the commit.
        refs: short names as Git decorates them: ``HEAD -> main``, ``tag: v1``, ``other``.
    """

    commit: ImageCommit
    refs: tuple[str, ...]


@frozen
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


@frozen
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
