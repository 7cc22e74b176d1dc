"""Opening files inside a rootfs that nobody trusts.

``openat2(2)`` with ``RESOLVE_IN_ROOT`` lets the kernel resolve a path as ``chroot(2)`` would, without its privilege and
its races: absolute symlinks and ``..`` end at the rootfs, so ``/etc/passwd -> /etc/shadow`` never reaches the host's.
Python has no wrapper; the system call has the same number on every architecture (kernel ``openat2``, since 5.6).
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat

from layerctl.errors import NoKernelFeature

_SYS_OPENAT2 = 437
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_IN_ROOT = 0x10

#: What a path gives that leads to nothing: missing, through a file, a loop of symlinks, too long.
LEADS_NOWHERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})

_syscall = ctypes.CDLL(None, use_errno=True).syscall


class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


def open_inside(root: int, path: bytes, flags: int, *, follow: bool = True) -> int:
    """Opens a path as a process whose ``/`` is ``root`` would see it.

    Args:
        root: descriptor of the rootfs's directory.
        path: absolute or relative; both start at ``root``.
        flags: as for ``os.open``; ``O_CLOEXEC`` is added.
        follow: whether symlinks are followed, within the root; if not, one in any place is ``ELOOP``, but for the
            last component with ``O_PATH | O_NOFOLLOW``.

    Returns:
        A descriptor that the caller closes.

    Raises:
        NoKernelFeature: there is no ``openat2`` here.
        OSError: as ``open(2)`` fails.
    """
    resolve = _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS | (0 if follow else _RESOLVE_NO_SYMLINKS)
    how = _OpenHow(flags | os.O_CLOEXEC, 0, resolve)
    while True:
        fd = _syscall(_SYS_OPENAT2, root, path, ctypes.byref(how), ctypes.sizeof(how))
        if fd >= 0:
            return int(fd)
        _fail_unless_transient(ctypes.get_errno(), path)


def _fail_unless_transient(number: int, path: bytes) -> None:
    """``EAGAIN``: something was renamed meanwhile, so that the kernel could not prove the path to stay inside."""
    if number == errno.ENOSYS:
        raise NoKernelFeature("this kernel has no openat2", hint="use Linux 5.6 or newer")
    if number not in (errno.EAGAIN, errno.EINTR):
        raise OSError(number, os.strerror(number), os.fsdecode(path))


def read_inside(root: int, path: bytes, limit: int) -> bytes | None:
    """Reads a small regular file inside a rootfs; never blocks on a fifo or touches a device.

    Args:
        root: descriptor of the rootfs's directory.
        path: as for :func:`open_inside`.
        limit: bytes; a longer file raises.

    Returns:
        Its content; None if there is no such file, or it is no regular file.

    Raises:
        OSError: ``EFBIG`` beyond the limit, or the file cannot be read.
    """
    try:
        pin = open_inside(root, path, os.O_PATH)
    except OSError as exc:
        if exc.errno in LEADS_NOWHERE:
            return None
        raise
    try:
        if not stat.S_ISREG(os.fstat(pin).st_mode):
            return None
        with open(f"/proc/self/fd/{pin}", "rb") as file:  # what was looked at, whatever is there by now
            data = file.read(limit + 1)
    finally:
        os.close(pin)
    if len(data) > limit:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), os.fsdecode(path))
    return data


def is_regular(root: int, path: bytes) -> bool:
    """Whether a path names a regular file, after following symlinks inside the rootfs."""
    mode = mode_inside(root, path)
    return mode is not None and stat.S_ISREG(mode)


def mode_inside(root: int, path: bytes) -> int | None:
    """Type and permissions of what a path leads to, symlinks followed inside the rootfs; None if it leads nowhere."""
    try:
        fd = open_inside(root, path, os.O_PATH)
    except OSError as exc:
        if exc.errno in LEADS_NOWHERE:
            return None
        raise
    try:
        return os.fstat(fd).st_mode
    finally:
        os.close(fd)
