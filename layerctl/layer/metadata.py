"""Reading and writing what an :class:`~layerctl.model.entry.Entry` says, relative to directory descriptors.

Nothing here follows a symlink: each call takes the descriptor of the parent directory and one name.
"""

from __future__ import annotations

import errno
import os
import stat

from layerctl.layer.xattrs import XattrNamespace, drop_inherited_acls
from layerctl.model.entry import Entry, Kind

_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIR,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHAR,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
}
_FORMATS = {kind: fmt for fmt, kind in _KINDS.items()}

WHITEOUT_DEVICE = os.makedev(0, 0)


def kind_of(mode: int) -> Kind:
    """The kind for an ``st_mode``."""
    return _KINDS[stat.S_IFMT(mode)]


def is_whiteout(status: os.stat_result) -> bool:
    """Whether a stat result is an overlay whiteout: a character device 0:0."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == WHITEOUT_DEVICE


def path_in(dir_fd: int, name: bytes) -> bytes:
    """A path to ``name`` in an open directory, for calls that take no directory descriptor."""
    return b"/proc/self/fd/%d/%s" % (dir_fd, name)


def open_unnoticed(name: bytes, flags: int, dir_fd: int | None = None) -> int:
    """Opens for reading without a new access time, which would be an inode to write back for each file read.

    Who neither owns the file nor may act for its owner has to leave one (open(2), ``O_NOATIME``).
    """
    try:
        return os.open(name, flags | os.O_NOATIME, dir_fd=dir_fd)
    except PermissionError:
        return os.open(name, flags, dir_fd=dir_fd)


def open_dir(dir_fd: int, name: bytes) -> int:
    """Opens a subdirectory, never through a symlink."""
    return open_unnoticed(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd)


def open_regular(dir_fd: int, name: bytes) -> int:
    """Opens a regular file for reading, where somebody may put something else in its place at any time.

    Nothing else is ever opened, not even for an instant: opening a device can set it off.

    Raises:
        FileNotFoundError: there is none, or it is something else.
        OSError: it may not be read.
    """
    pin = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        if not stat.S_ISREG(os.fstat(pin).st_mode):
            raise FileNotFoundError(errno.ENOENT, "no regular file", os.fsdecode(name))
        return open_unnoticed(b"/proc/self/fd/%d" % pin, os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(pin)


def make_whiteout(dir_fd: int, name: bytes) -> None:
    """Makes an overlay whiteout."""
    os.mknod(name, stat.S_IFCHR, WHITEOUT_DEVICE, dir_fd=dir_fd)


def make_node(dir_fd: int, name: bytes, entry: Entry) -> None:
    """Creates an entry, empty and private, without its metadata; it must not exist."""
    if entry.kind is Kind.DIR:
        os.mkdir(name, 0o700, dir_fd=dir_fd)
    elif entry.kind is Kind.SYMLINK:
        os.symlink(entry.target or b"", name, dir_fd=dir_fd)
    elif entry.kind is Kind.FILE:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(name, flags, 0o600, dir_fd=dir_fd))
    else:
        device = os.makedev(*entry.rdev) if entry.rdev else 0
        os.mknod(name, _FORMATS[entry.kind] | 0o600, device, dir_fd=dir_fd)


def make_bare_node(dir_fd: int, name: bytes, entry: Entry) -> None:
    """As :func:`make_node`, without what the entry inherits from a directory that has a default ACL."""
    make_node(dir_fd, name, entry)
    if entry.kind is not Kind.SYMLINK:
        drop_inherited_acls(path_in(dir_fd, name))


def apply_metadata(
    dir_fd: int,
    name: bytes,
    entry: Entry,
    namespace: XattrNamespace | None,
    *,
    owner: tuple[int, int] | None = None,
) -> None:
    """Gives an entry that was just made its owner, mode, attributes and times.

    In the only order that works: chown drops setuid bits and capabilities, chmod rewrites an ACL's mask, and
    everything may touch the times. A directory's times must be set again after its last child was made.

    Args:
        dir_fd: its parent directory.
        name: its name there.
        entry: what it shall be.
        namespace: how attributes are spelled in a layer; None through a mount, where they have their own names.
        owner: whose it is, if that is known.
    """
    if owner != (entry.uid, entry.gid):
        os.chown(name, entry.uid, entry.gid, dir_fd=dir_fd, follow_symlinks=False)
    if entry.kind is not Kind.SYMLINK:
        os.chmod(name, entry.mode, dir_fd=dir_fd)
    for key, value in entry.xattrs:
        disk_key = namespace.to_disk(key) if namespace is not None else key
        os.setxattr(path_in(dir_fd, name), disk_key, value, follow_symlinks=False)
    set_mtime(dir_fd, name, entry.mtime_ns)


def set_mtime(dir_fd: int, name: bytes, mtime_ns: int) -> None:
    """Sets the modification time (and the access time with it) to the nanosecond."""
    os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=dir_fd, follow_symlinks=False)


def apply_root_metadata(
    root_fd: int, entry: Entry, namespace: XattrNamespace, *, owner: tuple[int, int] | None = None
) -> None:
    """As :func:`apply_metadata`, for an open directory or file itself."""
    if owner != (entry.uid, entry.gid):
        os.fchown(root_fd, entry.uid, entry.gid)
    os.fchmod(root_fd, entry.mode)
    for key, value in entry.xattrs:
        os.setxattr(root_fd, namespace.to_disk(key), value)
    os.utime(root_fd, ns=(entry.mtime_ns, entry.mtime_ns))
