"""What a tree takes on disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from layerctl.model.recursion import deep_recursion
from layerctl.values import frozen

_BLOCK = 512  # the unit of st_blocks, whatever the filesystem's block size is (stat(2))
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@frozen
class Inode:
    """A file or directory, which may have more names than one.

    Attributes:
        id: device and inode number.
        size: bytes on disk.
        links: its names, anywhere.
        is_dir: whether it is a directory, whose link count says something else.
    """

    id: tuple[int, int]
    size: int
    links: int
    is_dir: bool


def inodes(path: Path) -> Iterator[Inode]:
    """Everything at and below a path, once for each name; without what is mounted there, or vanishes meanwhile."""
    try:
        status = os.lstat(path)
        yield _inode(status)
        fd = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return
    with deep_recursion():
        try:
            yield from _below(fd, status.st_dev)
        finally:
            os.close(fd)


def freed(paths: Iterable[Path]) -> int:
    """Bytes that come free when some trees go: of files whose every name is in one of them."""
    sizes: dict[tuple[int, int], int] = {}
    names: dict[tuple[int, int], int] = {}
    for path in paths:
        for inode in inodes(path):
            sizes[inode.id] = inode.size
            names.setdefault(inode.id, 0 if inode.is_dir else inode.links)
            names[inode.id] -= 1
    return sum(size for key, size in sizes.items() if names[key] <= 0)


def _below(parent: int, device: int) -> Iterator[Inode]:
    for name in os.listdir(parent):
        try:
            inode = _inode(os.stat(name, dir_fd=parent, follow_symlinks=False))
            if inode.id[0] != device:
                continue
            yield inode
            if not inode.is_dir:
                continue
            fd = os.open(name, _FLAGS, dir_fd=parent)
        except FileNotFoundError:
            continue
        try:
            yield from _below(fd, device)
        finally:
            os.close(fd)


def _inode(status: os.stat_result) -> Inode:
    key = (status.st_dev, status.st_ino)
    return Inode(key, status.st_blocks * _BLOCK, status.st_nlink, stat.S_ISDIR(status.st_mode))
