"""The kernel's mount API, which the C library of many systems does not wrap.

Numbers are the same on every architecture from 424 on. Source: fsopen(2), fsconfig(2), fsmount(2), move_mount(2),
open_tree(2), umount2(2), and ``include/uapi/linux/mount.h``.
"""

from __future__ import annotations

import os
from enum import IntEnum, IntFlag

from layerctl import libc

_MOVE_MOUNT, _FSOPEN, _FSCONFIG, _FSMOUNT, _FSPICK = 429, 430, 431, 432, 433
_CLOEXEC = 1
_AT_FDCWD = -100


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
UMOUNT_NOFOLLOW = 8


def _call(number: int, *arguments: object) -> int:
    return libc.call("syscall", number, *arguments)


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
    libc.call("umount2", os.fsencode(path), flags | UMOUNT_NOFOLLOW, path=path)


def mount(source: str, target: str, filesystem: str, flags: int, options: str) -> None:
    """The classic mount(2), for kernels whose overlayfs does not know descriptors or ``lowerdir+``."""
    libc.call("mount", source.encode(), os.fsencode(target), filesystem.encode(), flags, options.encode(), path=target)


def context_messages(context: int) -> str:
    """What the kernel logged about a failed call on a context."""
    lines = []
    while True:
        try:
            lines.append(os.read(context, 4096).decode(errors="replace").strip())
        except OSError:
            return "; ".join(line[2:] for line in lines)
