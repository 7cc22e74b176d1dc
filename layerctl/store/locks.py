"""Locks that die with their holder.

Open-file-description locks (fcntl(2), ``F_OFD_SETLK``) on byte ranges of the repository's lock file: byte 0 is held
shared by every verb that makes something and exclusively by gc, byte 1 exclusively for the moment in which an
operation is applied. A worktree's own lock file is held for the whole of a verb that changes the worktree.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layerctl.errors import Busy

_IN_USE = 0
_APPLY = 1
_BLOCKED = {errno.EAGAIN, errno.EACCES}
_WAIT_SECONDS = 30.0


class RepositoryLock:
    """The lock file of one repository.

    Args:
        path: the lock file; created if missing.
        wait: seconds to wait before giving up.
    """

    def __init__(self, path: Path, wait: float = _WAIT_SECONDS) -> None:
        self._path = path
        self._wait = wait

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Held while something is made that no ref leads to yet; keeps gc away.

        Raises:
            Busy: gc runs.
        """
        with _locked(self._path, fcntl.F_RDLCK, _IN_USE, self._wait, "gc is running in this repository"):
            yield

    @contextmanager
    def exclusive(self, wait: float | None = None) -> Iterator[None]:
        """Held by whoever deletes what no ref leads to.

        Args:
            wait: seconds to wait before giving up, if not as long as usual.

        Raises:
            Busy: some verb is at work.
        """
        with _locked(
            self._path,
            fcntl.F_WRLCK,
            _IN_USE,
            self._wait if wait is None else wait,
            "another command works in this repository",
        ):
            yield

    @contextmanager
    def apply(self) -> Iterator[None]:
        """Held while refs, records and names change.

        Raises:
            Busy: another process kept it for too long.
        """
        with _locked(self._path, fcntl.F_WRLCK, _APPLY, self._wait, "another command holds this repository's lock"):
            yield


@contextmanager
def worktree_lock(path: Path, name: str, wait: float = _WAIT_SECONDS) -> Iterator[None]:
    """Holds one worktree; a second command waits, then says who holds it.

    Raises:
        Busy: another process kept it for too long.
    """
    message = f"another command works in the worktree '{name}'"
    with _locked(path, fcntl.F_WRLCK, 0, wait, message, remember=True):
        yield


@contextmanager
def _locked(path: Path, kind: int, byte: int, wait: float, message: str, *, remember: bool = False) -> Iterator[None]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _acquire(fd, kind, byte, wait):
            holder = os.pread(fd, 32, 0).decode(errors="replace").strip() if remember else ""
            raise Busy(message + (f" (process {holder})" if holder else ""), hint="wait for it to finish and try again")
        if remember:
            os.ftruncate(fd, 0)
            os.pwrite(fd, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(fd)


def _acquire(fd: int, kind: int, byte: int, wait: float) -> bool:
    request = struct.pack("hhqqi4x", kind, os.SEEK_SET, byte, 1, 0)
    deadline = time.monotonic() + wait
    pause = 0.001
    while True:
        try:
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, request)
        except OSError as exc:
            if exc.errno not in _BLOCKED:
                raise
        else:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
