"""What differs between two snapshots, path by path."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from layerctl.model.entry import Entry, Kind
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.scan import RootPath


class ChangeKind(Enum):
    """As ``git diff --name-status`` prints them."""

    ADDED = "A"
    MODIFIED = "M"
    DELETED = "D"
    TYPE = "T"


class Aspect(Enum):
    """What about a path differs, in the order in which ``--json`` lists them."""

    CONTENT = "content"
    MODE = "mode"
    OWNER = "owner"
    MTIME = "mtime"
    XATTR = "xattr"
    LINK = "link"
    TYPE = "type"


@frozen
class Change:
    """One path that differs.

    Attributes:
        path: relative to the rootfs.
        old: the entry before; None if the path is new.
        new: the entry after; None if the path is gone.
        relinked: the path's hard-link group differs in a way that the entries do not show.
    """

    path: RootPath
    old: Entry | None
    new: Entry | None
    relinked: bool = False

    @property
    def kind(self) -> ChangeKind:
        """Added, modified, deleted, or of another type."""
        if self.old is None:
            return ChangeKind.ADDED
        if self.new is None:
            return ChangeKind.DELETED
        return ChangeKind.TYPE if self.old.kind is not self.new.kind else ChangeKind.MODIFIED

    @property
    def what(self) -> tuple[Aspect, ...]:
        """Which aspects differ; empty for an added or deleted path."""
        old, new = self.old, self.new
        if old is None or new is None:
            return ()
        content = (old.digest, old.size, old.target, old.rdev) != (new.digest, new.size, new.target, new.rdev)
        tests = (
            (Aspect.CONTENT, content),
            (Aspect.MODE, old.mode != new.mode),
            (Aspect.OWNER, (old.uid, old.gid) != (new.uid, new.gid)),
            (Aspect.MTIME, old.mtime_ns != new.mtime_ns),
            (Aspect.XATTR, old.xattrs != new.xattrs),
            (Aspect.LINK, self.relinked),
            (Aspect.TYPE, old.kind is not new.kind),
        )
        return tuple(aspect for aspect, differs in tests if differs)

    @property
    def is_noise(self) -> bool:
        """A directory whose only difference is its mtime: committed, but of no interest to people."""
        new = self.new
        return new is not None and new.kind is Kind.DIR and self.what == (Aspect.MTIME,)
