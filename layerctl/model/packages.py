"""Installed packages, and what differs between two sets of them."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from layerctl.model.versions import newer
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.scan import RootPath


class PackageChangeKind(Enum):
    """What became of a package."""

    ADDED = "added"
    REMOVED = "removed"
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    CHANGED = "changed"


@frozen(order=True)
class PackageName:
    """What tells a package from others.

    Attributes:
        ecosystem: ``apk``, ``dpkg``, ``npm``, ``pip`` or ``rpm``.
        name: as the ecosystem writes it.
        architecture: empty where packages have none.
        location: of ``pip`` and ``npm``, the directory that it is installed in; else empty.
    """

    ecosystem: str
    name: str
    architecture: str = ""
    location: RootPath = b""


@frozen
class PackageChange:
    """One package that differs.

    Attributes:
        package: which.
        old: the version before; None if it is new.
        new: the version after; None if it is gone.
    """

    package: PackageName
    old: str | None
    new: str | None

    @property
    def kind(self) -> PackageChangeKind:
        """What became of it; just changed, if the ecosystem's rules do not say which version is newer."""
        if self.old is None:
            return PackageChangeKind.ADDED
        if self.new is None:
            return PackageChangeKind.REMOVED
        order = newer(self.package.ecosystem, self.old, self.new)
        if order is None:
            return PackageChangeKind.CHANGED
        return PackageChangeKind.UPGRADED if order else PackageChangeKind.DOWNGRADED


@frozen
class Unread:
    """A package database that could not be read.

    Attributes:
        path: relative to the rootfs.
        reason: half a sentence.
    """

    path: RootPath
    reason: str


@frozen
class PackageDiff:
    """Two sets of packages compared.

    Attributes:
        changes: by ecosystem, name, architecture and location.
        unread: databases that differ and say nothing here.
    """

    changes: tuple[PackageChange, ...]
    unread: tuple[Unread, ...] = ()
