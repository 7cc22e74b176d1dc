"""Extended attributes: what belongs to a rootfs, and how it is spelled in a layer's directory.

Overlayfs keeps its own marks in ``trusted.overlay.*`` (or ``user.overlay.*`` with the ``userxattr`` mount option) and
stores attributes of that prefix which a process sets through the mount as ``*.overlay.overlay.*``.
Source: kernel ``Documentation/filesystems/overlayfs.rst``, "Nesting overlayfs mounts" and "User xattr".
"""

from __future__ import annotations

import errno
import os
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layerctl.model.entry import Xattrs

_SELINUX = b"security.selinux"
_ABSENT = {errno.ENODATA, errno.EOPNOTSUPP}


class XattrNamespace(Enum):
    """Where the overlay mount of a write layer keeps its marks."""

    TRUSTED = b"trusted.overlay."
    USER = b"user.overlay."

    def mark(self, name: bytes) -> bytes:
        """The full name of an overlay mark, such as ``opaque``."""
        return self.value + name

    def to_disk(self, name: bytes) -> bytes:
        """The on-disk name of an attribute that the rootfs calls ``name``."""
        prefix: bytes = self.value
        return prefix + b"overlay." + name[len(prefix) :] if name.startswith(prefix) else name

    def from_disk(self, name: bytes) -> bytes | None:
        """The rootfs's name of an on-disk attribute; None if it is no part of the rootfs."""
        prefix: bytes = self.value
        if name == _SELINUX:
            return None
        if not name.startswith(prefix):
            return name
        rest = name[len(prefix) :]
        return prefix + rest[len(b"overlay.") :] if rest.startswith(b"overlay.") else None


def list_xattrs(target: int | bytes) -> list[bytes]:
    """Names of all attributes on disk, unsorted.

    Args:
        target: a descriptor, or a path that is not followed at its last component.
    """
    try:
        names = os.listxattr(target) if isinstance(target, int) else os.listxattr(target, follow_symlinks=False)
    except OSError as exc:
        if exc.errno in _ABSENT:
            return []
        raise
    return [os.fsencode(name) for name in names]


def get_xattr(target: int | bytes, name: bytes) -> bytes | None:
    """The value of one attribute on disk, or None."""
    try:
        if isinstance(target, int):
            return os.getxattr(target, name)
        return os.getxattr(target, name, follow_symlinks=False)
    except OSError as exc:
        if exc.errno in _ABSENT:
            return None
        raise


def read_xattrs(target: int | bytes, names: list[bytes], namespace: XattrNamespace) -> Xattrs:
    """The rootfs's attributes among ``names``, sorted, with the names that the rootfs gives them."""
    found = []
    for disk_name in names:
        name = namespace.from_disk(disk_name)
        if name is None:
            continue
        value = get_xattr(target, disk_name)
        if value is not None:
            found.append((name, value))
    return tuple(sorted(found))


def drop_inherited_acls(path: bytes) -> None:
    """Removes ACLs from a directory of the store, so that nothing made in it inherits them."""
    for name in (b"system.posix_acl_default", b"system.posix_acl_access"):
        try:
            os.removexattr(path, name)
        except OSError as exc:
            if exc.errno not in _ABSENT:
                raise
