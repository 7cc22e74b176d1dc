"""The kernel's mount API, which the C library of many systems does not wrap.

Numbers are the same on every architecture from 424 on. Source: fsopen(2), fsconfig(2), fsmount(2), move_mount(2),
open_tree(2), umount2(2), and ``include/uapi/linux/mount.h``.
"""

from __future__ import annotations

import ctypes
import os
from enum import IntEnum, IntFlag

_MOVE_MOUNT, _FSOPEN, _FSCONFIG, _FSMOUNT, _FSPICK = 429, 430, 431, 432, 433
_CLOEXEC = 1
_AT_FDCWD = -100

_libc = ctypes.CDLL(None, use_errno=True)


class Command(IntEnum):
    """What fsconfig(2) does."""

    SET_FLAG = 0
    SET_STRING = 1
    SET_FD = 5
    CREATE = 6
    RECONFIGURE = 7


class MoveFlag(IntFlag):
    """Flags of move_mount(2)."""

    NONE = 0
    FROM_EMPTY_PATH = 0x004
    BENEATH = 0x200


class MountAttr(IntFlag):
    """Attributes of fsmount(2)."""

    NONE = 0
    RDONLY = 0x1


MNT_DETACH = 2
OVERLAYFS_MAGIC = 0x794C7630
UMOUNT_NOFOLLOW = 8


def _call(number: int, *arguments: object) -> int:
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def fsopen(filesystem: str) -> int:
    """Opens a context for a new superblock."""
    return _call(_FSOPEN, filesystem.encode(), _CLOEXEC)


def fspick(path: str) -> int:
    """Opens a context for the superblock mounted at a path."""
    return _call(_FSPICK, _AT_FDCWD, path.encode(errors="surrogateescape"), _CLOEXEC)


def fsconfig(context: int, command: Command, key: str | None = None, value: str | int | None = None) -> None:
    """Gives a parameter to a context, or makes it act."""
    text = os.fsencode(value) if isinstance(value, str) else None
    number = value if isinstance(value, int) else 0
    _call(_FSCONFIG, context, int(command), key.encode() if key else None, text, number)


def fsmount(context: int, attributes: MountAttr = MountAttr.NONE) -> int:
    """Turns a created superblock into a detached mount; returns its descriptor."""
    return _call(_FSMOUNT, context, _CLOEXEC, int(attributes))


def move_mount(source: int | str, target: str, flags: MoveFlag = MoveFlag.NONE) -> None:
    """Attaches a detached mount (a descriptor) or moves an attached one (a path)."""
    if isinstance(source, int):
        origin, name, flags = source, b"", flags | MoveFlag.FROM_EMPTY_PATH
    else:
        origin, name = _AT_FDCWD, os.fsencode(source)
    _call(_MOVE_MOUNT, origin, name, _AT_FDCWD, os.fsencode(target), int(flags))


def umount(path: str, flags: int = 0) -> None:
    """Unmounts what is mounted at a path."""
    if _libc.umount2(os.fsencode(path), flags | UMOUNT_NOFOLLOW) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)


def mount(source: str, target: str, filesystem: str, flags: int, options: str) -> None:
    """The classic mount(2), for kernels whose overlayfs does not know descriptors or ``lowerdir+``."""
    arguments = (source.encode(), os.fsencode(target), filesystem.encode(), ctypes.c_ulong(flags), options.encode())
    if _libc.mount(*arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), target)


def context_messages(context: int) -> str:
    """What the kernel logged about a failed call on a context."""
    lines = []
    while True:
        try:
            lines.append(os.read(context, 4096).decode(errors="replace").strip())
        except OSError:
            return "; ".join(line[2:] for line in lines)


def filesystem_type(fd: int) -> int:
    """The magic number of the filesystem that a descriptor is on (fstatfs(2))."""
    buffer = ctypes.create_string_buffer(256)
    if _libc.fstatfs(fd, buffer) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return ctypes.c_long.from_buffer(buffer).value
