"""Deleting a whole tree, however deep a container made it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from layerctl.values import frozen

_DIR = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@frozen
class _Level:
    """A directory on the way down: its name, its device and inode number, and the directories still in it."""

    name: str
    identity: tuple[int, int]
    todo: list[str]


def remove_tree(path: Path) -> None:
    """Deletes a directory and everything in it as far as possible; nothing to do if there is none.

    What is mounted in there is left alone.
    Two descriptors are enough for any depth: the way back up is ``..``, and it is checked that it leads there.
    """
    with suppress(OSError):
        above = os.open(path.parent, _DIR)
        try:
            here = os.open(path.name, _DIR, dir_fd=above)
        finally:
            os.close(above)
        _remove(here, path.name)


def _remove(here: int, name: str) -> None:
    """Deletes an open directory; takes the descriptor over."""
    try:
        stack = [_level(here, name)]
        while stack:
            if stack[-1].todo:
                here = _down(here, stack)
                continue
            done = stack.pop()
            here = _up(here)
            if stack and _identity(here) != stack[-1].identity:
                return  # somebody moves things about in there
            with suppress(OSError):
                os.rmdir(done.name, dir_fd=here)
    finally:
        os.close(here)


def _down(here: int, stack: list[_Level]) -> int:
    """Goes on in the next directory, unless something is mounted there; gives the descriptor of where it is now."""
    name = stack[-1].todo.pop()
    try:
        there = os.open(name, _DIR, dir_fd=here)
    except OSError:
        return here
    if os.fstat(there).st_dev != stack[-1].identity[0]:
        os.close(there)
        return here
    os.close(here)
    stack.append(_level(there, name))
    return there


def _level(fd: int, name: str) -> _Level:
    """Deletes what is directly in a directory, directories apart."""
    below = []
    with suppress(OSError), os.scandir(fd) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                below.append(entry.name)
            else:
                with suppress(OSError):
                    os.unlink(entry.name, dir_fd=fd)
    return _Level(name, _identity(fd), below)


def _up(here: int) -> int:
    above = os.open("..", _DIR, dir_fd=here)
    os.close(here)
    return above


def _identity(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino
