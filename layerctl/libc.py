"""The C library, for what :mod:`os` does not have.

It is loaded by the first call: loading ctypes takes time that ``log`` need not spend.
"""

from __future__ import annotations

import errno
import os
from functools import cache
from typing import Any

#: What fstatfs(2) says of an overlay; ``linux/magic.h``.
OVERLAYFS_MAGIC = 0x794C7630

_AT_FDCWD = -100
#: ``linux/stat.h``; the number's place in ``struct statx``.
_STATX_MNT_ID_UNIQUE, _MNT_ID = 0x4000, 144


def call(function: str, *arguments: Any, path: str | bytes | None = None) -> int:
    """Calls a function that returns a number, below zero if it fails.

    Args:
        function: its name.
        arguments: numbers, bytes, None for a null pointer, or ctypes' own.
        path: for the message of an error.

    Raises:
        OSError: it failed, or this C library does not have it.
    """
    ctypes, library = _load()
    words = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    try:
        found = getattr(library, function)
    except AttributeError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), function) from None
    result: int = found(*words)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), os.fsdecode(path) if path is not None else None)
    return result


def filesystem_type(fd: int) -> int:
    """The magic number of the filesystem that a descriptor is on (fstatfs(2))."""
    ctypes, _ = _load()
    buffer = ctypes.create_string_buffer(256)
    call("fstatfs", fd, buffer)
    magic: int = ctypes.c_long.from_buffer(buffer).value
    return magic


def unique_mount_id(folder: str | os.PathLike[str]) -> int:
    """The number of the mount that a folder is on, which no other one gets until the next boot (statx(2)).

    Raises:
        OSError: there is no such folder, or the kernel has no such numbers (before Linux 6.8).
    """
    ctypes, _ = _load()
    buffer = ctypes.create_string_buffer(256)
    call("statx", _AT_FDCWD, os.fsencode(folder), 0, _STATX_MNT_ID_UNIQUE, buffer, path=os.fsencode(folder))
    mask, number = ctypes.c_uint32.from_buffer(buffer).value, ctypes.c_uint64.from_buffer(buffer, _MNT_ID).value
    if not mask & _STATX_MNT_ID_UNIQUE:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), os.fspath(folder))
    return int(number)


@cache
def _load() -> tuple[Any, Any]:
    import ctypes  # noqa: PLC0415 (slow to load)

    return ctypes, ctypes.CDLL(None, use_errno=True)
