"""Which extended attributes a layer takes over from outside: from an archive, or from a directory being imported."""

from __future__ import annotations

from collections.abc import Iterable

from layerctl.layer.xattrs import XattrNamespace, get_xattr, list_xattrs
from layerctl.model.entry import Entry, Kind, Xattrs

_KEPT = (b"user.", b"trusted.", b"security.", b"system.posix_acl_access", b"system.posix_acl_default")
_DROPPED = (b"trusted.overlay.", b"security.selinux")
_REWRITTEN_BY_KERNEL = (b"security.", b"system.")


def belongs(name: bytes, kind: Kind) -> bool:
    """Whether a layer keeps an attribute.

    Overlayfs's own marks hide nothing in an import, labels belong to the machine, other systems' attributes
    (``com.apple.…``) have no place in Linux, and ``user.*`` exists on files and directories alone (xattr(7)).
    """
    if name.startswith(_DROPPED) or not name.startswith(_KEPT):
        return False
    return not name.startswith(b"user.") or kind in (Kind.FILE, Kind.DIR)


def kept(xattrs: Iterable[tuple[bytes, bytes]], kind: Kind) -> Xattrs:
    """Those of the attributes that a layer keeps, sorted."""
    return tuple(sorted(pair for pair in xattrs if belongs(pair[0], kind)))


def read_foreign_xattrs(target: int | bytes, kind: Kind) -> Xattrs:
    """The attributes to keep of a file in a plain directory; see :func:`list_xattrs` for ``target``."""
    names = list_xattrs(target)
    if not names:
        return ()
    pairs = ((name, get_xattr(target, name)) for name in names if belongs(name, kind))
    return tuple(sorted((name, value) for name, value in pairs if value is not None))


def rewritten_by_kernel(entry: Entry) -> bool:
    """Whether the entry has attributes that may read back otherwise than they were written.

    The kernel drops an ACL that says no more than the mode, lets an ACL's mask change the mode, and converts file
    capabilities between their versions.
    """
    return any(name.startswith(_REWRITTEN_BY_KERNEL) for name, _ in entry.xattrs)


def as_written(target: int | bytes, entry: Entry, namespace: XattrNamespace) -> Xattrs:
    """The entry's attributes as the disk now has them."""
    pairs = ((name, get_xattr(target, namespace.to_disk(name))) for name, _ in entry.xattrs)
    return tuple((name, value) for name, value in pairs if value is not None)
