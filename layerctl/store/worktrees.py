"""Worktrees on disk."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Damaged, UsageError, WorktreeNotFound
from layerctl.model.worktree import Head, WorktreeRecord
from layerctl.store.record import dump_record, load_record
from layerctl.values import frozen, replace

if TYPE_CHECKING:
    from layerctl.store.layout import Layout

DEFAULT = "default"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\Z")


def check_name(name: str) -> None:
    """Raises UsageError unless ``name`` can be a worktree's."""
    if not _NAME.match(name) or ".." in name or name.endswith((".lock", ".")):
        raise UsageError(
            f"'{name}' is not a valid worktree name", hint="use letters, digits, '-', '_' and '.', at most 100"
        )


@frozen
class Worktree:
    """The folder of one worktree.

    Attributes:
        name: the worktree's name.
        layout: the repository it belongs to.
    """

    name: str
    layout: Layout

    @property
    def folder(self) -> Path:
        """The worktree's own folder."""
        return self.layout.worktrees / self.name

    @property
    def upper(self) -> Path:
        """The write layer."""
        return self.folder / "upper"

    @property
    def stat_cache(self) -> Path:
        """Digests of files in the write layer, by their status; may be missing."""
        return self.folder / "stat-cache"

    @property
    def work(self) -> Path:
        """Overlayfs's work directory."""
        return self.folder / "work"

    @property
    def lock(self) -> Path:
        """The worktree's lock file."""
        return self.folder / "lock"

    @property
    def restoring(self) -> Path:
        """The note that there is while ``restore`` works."""
        return self.folder / "restoring"

    @property
    def head_path(self) -> str:
        """The HEAD file, relative to the repository."""
        return f"worktrees/{self.name}/HEAD"

    @property
    def record_path(self) -> str:
        """The record, relative to the repository."""
        return f"worktrees/{self.name}/worktree.json"

    def relative(self, name: str) -> str:
        """A name in the worktree's folder, relative to the repository."""
        return f"worktrees/{self.name}/{name}"

    @property
    def exists(self) -> bool:
        """Whether there is such a worktree."""
        return (self.folder / "HEAD").is_file()

    @property
    def head_text(self) -> str:
        """The content of HEAD.

        Raises:
            WorktreeNotFound: there is no such worktree.
        """
        try:
            return (self.folder / "HEAD").read_text()
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise WorktreeNotFound(f"no worktree is called '{self.name}'") from exc

    @property
    def head(self) -> Head:
        """What HEAD says."""
        try:
            return Head.from_text(self.head_text)
        except UsageError as exc:
            raise Damaged(f"HEAD of the worktree '{self.name}' is damaged") from exc

    @property
    def record_text(self) -> str:
        """The content of the record."""
        return (self.folder / "worktree.json").read_text()

    @property
    def record(self) -> WorktreeRecord:
        """The record.

        Raises:
            WorktreeNotFound: there is no such worktree.
            Damaged: it cannot be read.
        """
        path = self.folder / "worktree.json"
        try:
            record = WorktreeRecord.from_json(load_record(path.read_bytes(), path))
            return replace(record, mountpoint=str(self.layout.root.parent / record.mountpoint))
        except (FileNotFoundError, NotADirectoryError) as exc:
            if self.exists:
                raise Damaged(f"the record {path} is missing") from exc
            raise WorktreeNotFound(f"no worktree is called '{self.name}'") from exc

    @property
    def mountpoint(self) -> Path:
        """Where it is mounted."""
        return Path(self.record.mountpoint)


def record_text(record: WorktreeRecord, layout: Layout) -> str:
    """A record as its file holds it: a mount point beside the repository moves with it."""
    place, project = Path(record.mountpoint), layout.root.parent
    if place.is_relative_to(project):
        record = replace(record, mountpoint=str(place.relative_to(project)))
    return dump_record(record.to_json()).decode()


def list_worktrees(layout: Layout) -> list[Worktree]:
    """All worktrees, sorted by name."""
    found = (Worktree(name, layout) for name in sorted(os.listdir(layout.worktrees)))
    return [worktree for worktree in found if worktree.exists]


def find_worktree(layout: Layout, start: Path) -> Worktree:
    """The worktree whose mount point is or holds ``start``; else the default one."""
    for worktree in list_worktrees(layout):
        if start.is_relative_to(worktree.mountpoint):
            return worktree
    return Worktree(DEFAULT, layout)
