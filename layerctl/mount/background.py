"""Letting go of mounts in the background: tearing an overlay down writes back everything dirty below it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

#: Child processes that nobody has waited for.
_alone: list[int] = []


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Lets a child process have the last reference to what is mounted at a path.

    It ends after the block, and its end, not ours, pays for the tearing down. Where no process can be had, we pay.
    """
    holder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            with suppress(OSError):
                _start_alone(["/bin/sh", "-c", "cd / && read -r _"], {holder: holder, reader: 0})
            yield
        finally:
            os.close(reader)
            os.close(writer)
    finally:
        os.close(holder)


def release_aside(aside: Path) -> None:
    """Unmounts a mount that was moved aside, in the background; it stays while somebody uses it.

    Where no process can be had, it stays until somebody tries again.
    """
    with suppress(OSError):
        _start_alone(["/bin/umount", "-n", os.fspath(aside)], {})


def _start_alone(argv: list[str], descriptors: Mapping[int, int]) -> None:
    """Starts a program that goes on alone and ends by itself.

    What is left of it when it ended is cleared away with the next one's start; init does that if we end first.

    Args:
        argv: the program and its arguments.
        descriptors: of ours, and what they are there; the standard ones are /dev/null otherwise.
    """
    given = [(os.POSIX_SPAWN_DUP2, ours, theirs) for ours, theirs in descriptors.items()]
    others = {0, 1, 2} - set(descriptors.values())
    null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in others]
    pid = os.posix_spawn(argv[0], argv, {}, file_actions=[*given, *null], setsid=True)
    _alone.append(pid)
    _alone[:] = [pid for pid in _alone if not _is_reaped(pid)]


def _is_reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:  # by somebody else: this process may be anybody's
        return True
