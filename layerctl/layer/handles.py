"""Open directories of one tree, found component by component and never through a symlink."""

from __future__ import annotations

import errno
import os
import stat
from collections import OrderedDict
from types import TracebackType
from typing import TYPE_CHECKING

from layerctl.layer.metadata import open_dir

if TYPE_CHECKING:
    from layerctl.model.scan import RootPath

_KEEP = 128


def split(path: RootPath) -> tuple[RootPath, bytes]:
    """A path's parent and last component."""
    parent, _, name = path.rpartition(b"/")
    return parent, name


def open_regular(root: int, path: RootPath) -> int:
    """Opens a regular file below a directory; never anything else, and never through a symlink.

    Raises:
        OSError: ENOENT if there is nothing, ELOOP, ENOTDIR or EISDIR if there is something else.
    """
    parent, name = split(path)
    with DirHandles(root) as handles:
        pin = os.open(name or b".", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handles.get(parent))
    try:
        _check_regular(os.fstat(pin))
        return os.open(f"/proc/self/fd/{pin}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(pin)


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        code = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.ELOOP
        raise OSError(code, "not a regular file")


class DirHandles:
    """A bounded cache of directory descriptors below a root; a context manager that closes what it opened.

    Args:
        root_fd: an open directory; stays the caller's.
    """

    def __init__(self, root_fd: int) -> None:
        self._root = root_fd
        self._open: OrderedDict[RootPath, int] = OrderedDict()

    def __enter__(self) -> DirHandles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._open:
            os.close(self._open.popitem()[1])

    def get(self, path: RootPath) -> int:
        """The descriptor of the directory at a path, valid until the next call.

        Raises:
            OSError: it does not exist, is no directory, or lies behind a symlink.
        """
        if not path:
            return self._root
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path]
        fd = self._descend(path)
        self._remember(path, fd)
        return fd

    def forget(self, path: RootPath) -> None:
        """Closes the descriptor of a directory that goes away."""
        fd = self._open.pop(path, None)
        if fd is not None:
            os.close(fd)

    def _descend(self, path: RootPath) -> int:
        parent, name = split(path)
        while parent and parent not in self._open:
            parent = split(parent)[0]
        here = self._open[parent] if parent else self._root
        names = path[len(parent) :].lstrip(b"/").split(b"/")
        fd = open_dir(here, names[0])
        for name in names[1:]:
            try:
                below = open_dir(fd, name)
            finally:
                os.close(fd)
            fd = below
        return fd

    def _remember(self, path: RootPath, fd: int) -> None:
        self._open[path] = fd
        if len(self._open) > _KEEP:
            os.close(self._open.popitem(last=False)[1])
