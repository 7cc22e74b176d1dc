"""Locks that die with their holder.

Open-file-description locks (fcntl(2), ``F_OFD_SETLK``) on byte ranges of the repository's lock file: byte 0 is held
shared by every verb that makes something and exclusively by gc, byte 1 exclusively for the moment in which an
operation is applied. A worktree's own lock file is held for the whole of a verb that changes the worktree.

A command that runs in a hook must not wait for the one that called the hook, which waits for it: it is told the process
ids of those who wait (the holders), and a lock that one of them has is busy at once.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from layerctl.errors import Busy

_IN_USE = 0
_APPLY = 1
_BLOCKED = {errno.EAGAIN, errno.EACCES}
_WAIT_SECONDS = 30.0
_IN_HOOK = "here a hook can only look: do it in a post-* hook, or in another worktree"


class RepositoryLock:
    """The lock file of one repository.

    Args:
        path: the lock file; created if missing.
        wait: seconds to wait before giving up.
        holders: processes that wait for this one.
    """

    def __init__(self, path: Path, wait: float = _WAIT_SECONDS, holders: Collection[int] = ()) -> None:
        self._path = path
        self._wait = wait
        self._holders = holders

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Held while something is made that no ref leads to yet; keeps gc away.

        Raises:
            Busy: gc runs.
        """
        wait = self._wait if not self._is_waited_for() else 0
        with _locked(self._path, fcntl.F_RDLCK, _IN_USE, wait, "gc is running in this repository"):
            yield

    @contextmanager
    def exclusive(self, wait: float | None = None) -> Iterator[Callable[[], None]]:
        """Held by whoever deletes what no ref leads to.

        Args:
            wait: seconds to wait before giving up, if not as long as usual.

        Yields:
            What makes it a shared lock, at once: others may go on then, but nobody else deletes.

        Raises:
            Busy: some verb is at work.
        """
        patience = self._wait if wait is None else wait
        if self._is_waited_for():
            patience = 0
        with _locked(self._path, fcntl.F_WRLCK, _IN_USE, patience, "another command works in this repository") as fd:
            yield lambda: _share(fd, _IN_USE)

    @contextmanager
    def apply(self) -> Iterator[None]:
        """Held while refs, records and names change.

        Raises:
            Busy: another process kept it for too long.
        """
        message = "another command holds this repository's lock"
        with _locked(self._path, fcntl.F_WRLCK, _APPLY, self._wait, message, remember=True, holders=self._holders):
            yield

    def _is_waited_for(self) -> bool:
        """Whether a holder is still there, that is, whether this process runs in a hook.

        Who has byte 0 cannot be asked, because it is shared.
        """
        return any(os.path.exists(f"/proc/{pid}") for pid in self._holders)


@contextmanager
def worktree_lock(path: Path, name: str, wait: float = _WAIT_SECONDS, holders: Collection[int] = ()) -> Iterator[None]:
    """Holds one worktree; a second command waits, then says who holds it.

    Args:
        path: its lock file.
        name: for the message.
        wait: seconds to wait before giving up.
        holders: processes that wait for this one, so that it must not wait for them.

    Raises:
        Busy: another process kept it for too long.
    """
    message = f"another command works in the worktree '{name}'"
    with _locked(path, fcntl.F_WRLCK, 0, wait, message, remember=True, holders=holders):
        yield


@contextmanager
def _locked(
    path: Path,
    kind: int,
    byte: int,
    wait: float,
    message: str,
    *,
    remember: bool = False,
    holders: Collection[int] = (),
) -> Iterator[int]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _acquire(fd, kind, byte, 0 if holders else wait):
            holder = _read_holder(fd) if remember else ""
            if holder in map(str, holders):
                raise Busy(f"{message}: the one whose hook this is (process {holder})", hint=_IN_HOOK)
            if not (holders and _acquire(fd, kind, byte, wait)):
                raise Busy(
                    message + (f" (process {holder})" if holder else ""), hint="wait for it to finish and try again"
                )
        if remember:
            os.ftruncate(fd, 0)
            os.pwrite(fd, b"%d\n" % os.getpid(), 0)
        yield fd
    finally:
        os.close(fd)


def _read_holder(fd: int) -> str:
    return os.pread(fd, 32, 0).decode(errors="replace").strip()


def _share(fd: int, byte: int) -> None:
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, byte, 1, 0))


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
