"""Writing so that it survives a power cut.

Source of the order (data, then the name that leads to it): fsync(2), rename(2), and ext4's and xfs's documentation.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from layerctl import libc

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


class Durability:
    """How hard writes are pushed to disk.

    Args:
        enabled: False trades durability for speed (``layerctl.sync=false``): nothing is synced.
    """

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled

    def sync_filesystem(self, path: Path) -> None:
        """Flushes the whole filesystem that holds ``path`` (syncfs(2)).

        Raises:
            OSError: writing something back failed.
        """
        if not self.enabled:
            return
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            libc.call("syncfs", fd, path=bytes(path))
        finally:
            os.close(fd)

    def sync_dir(self, path: Path) -> None:
        """Makes the names in a directory durable."""
        if not self.enabled:
            return
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        except OSError as exc:
            if exc.errno != errno.EINVAL:  # a filesystem that has nothing to sync
                raise
        finally:
            os.close(fd)

    def write(self, path: Path, data: bytes, *, sync_dir: bool = True) -> None:
        """Replaces a small file in one step: readers see the old content or the new."""
        temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            try:
                _write_all(fd, data)
                if self.enabled:
                    os.fsync(fd)
            finally:
                os.close(fd)
            os.rename(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if sync_dir:
            self.sync_dir(path.parent)


def exchange(one: Path, other: Path) -> None:
    """Gives two files or directories each other's name, in one step (renameat2(2), ``RENAME_EXCHANGE``).

    Raises:
        OSError: one is missing, or the filesystem cannot do it.
    """
    libc.call("renameat2", _AT_FDCWD, bytes(one), _AT_FDCWD, bytes(other), _RENAME_EXCHANGE, path=bytes(one))


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
