"""What a layer holds, by its kind or by its name."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING

from layerctl.layer.handles import DirHandles, split

if TYPE_CHECKING:
    from layerctl.model.scan import RootPath

#: There is nothing, something else, or a symlink.
_NO_DIRECTORY = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


def regular_files(root: int, top: RootPath) -> Iterator[RootPath]:
    """Paths of regular files, in no order; never through a symlink, and nothing is opened but directories.

    Args:
        root: the layer's directory.
        top: where to look. What vanishes meanwhile is left out.
    """
    with DirHandles(root) as handles:
        if _is_regular(handles, top):
            yield top
        yield from (path for path, entry in _below(handles, top) if entry.is_file(follow_symlinks=False))


def named(root: int, name: bytes) -> Iterator[RootPath]:
    """Paths of everything that has a name, in no order; otherwise as :func:`regular_files`."""
    with DirHandles(root) as handles:
        yield from (path for path, entry in _below(handles, b"") if os.fsencode(entry.name) == name)


def _below(handles: DirHandles, top: RootPath) -> Iterator[tuple[RootPath, os.DirEntry[str]]]:
    todo = [top]
    while todo:
        path = todo.pop()
        prefix = path + b"/" if path else b""
        for entry in _entries(handles, path):
            below = prefix + os.fsencode(entry.name)
            if entry.is_dir(follow_symlinks=False):
                todo.append(below)
            yield below, entry


def _entries(handles: DirHandles, path: RootPath) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(handles.get(path)) as found:
            return list(found)
    except OSError as exc:
        if exc.errno not in _NO_DIRECTORY:
            raise
        return []


def _is_regular(handles: DirHandles, path: RootPath) -> bool:
    parent, name = split(path)
    try:
        return bool(name) and stat.S_ISREG(os.stat(name, dir_fd=handles.get(parent), follow_symlinks=False).st_mode)
    except OSError as exc:
        if exc.errno not in _NO_DIRECTORY:
            raise
        return False
