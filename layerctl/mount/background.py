"""Letting go of mounts in the background: tearing an overlay down writes back everything dirty below it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Child processes that nobody has waited for.
_alone: list[int] = []


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Lets a child process have the last reference to what is mounted at a path.

    It ends after the block, and its end, not ours, pays for the tearing down.
    """
    holder = os.open(path, os.O_PATH | os.O_DIRECTORY)
    try:
        child = subprocess.Popen(
            ["/bin/sh", "-c", "read -r _"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(holder,),
            cwd="/",
            start_new_session=True,
        )
        yield
    finally:
        os.close(holder)
    _abandon(child)


def release_aside(aside: Path) -> None:
    """Unmounts a mount that was moved aside, in the background; it stays while somebody uses it."""
    child = subprocess.Popen(
        ["/bin/umount", "-n", os.fspath(aside)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    _abandon(child)


def _abandon(child: subprocess.Popen[bytes]) -> None:
    """Lets a child process go on alone; what is left of it when it ended is cleared away with the next one's start.

    Init does that if we end first.
    """
    if child.stdin is not None:
        child.stdin.close()
        child.stdin = None
    child.returncode = 0  # for Popen, it is done with
    _alone.append(child.pid)
    _alone[:] = [pid for pid in _alone if not _is_reaped(pid)]


def _is_reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:  # by somebody else: this process may be anybody's
        return True
