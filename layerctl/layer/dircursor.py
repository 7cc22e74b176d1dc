"""The open directory that work happens in."""

from __future__ import annotations

import os
from types import TracebackType

from layerctl.layer.metadata import open_dir

#: A path of directories, root first; empty for the root itself.
DirPath = tuple[bytes, ...]


class DirCursor:
    """Moves through a tree by descriptors, one component at a time, never through a symlink.

    It holds the directories from the root down to where it is, so that a step to a neighbour costs one call, and a
    path may be longer than PATH_MAX. The root's descriptor belongs to the caller.
    """

    __slots__ = ("_fds", "_path", "_root_fd")

    def __init__(self, root_fd: int) -> None:
        self._root_fd = root_fd
        self._fds: list[int] = []
        self._path: DirPath = ()

    def at(self, path: DirPath) -> int:
        """Moves to a directory and gives its descriptor, valid until the next move.

        Raises:
            OSError: a component does not exist or is no directory.
        """
        if path is self._path or path == self._path:
            return self._fds[-1] if path else self._root_fd
        common = self._common(path)
        self._close_down_to(common)
        self._path = path[:common]
        for name in path[common:]:
            self._fds.append(open_dir(self._fds[-1] if self._fds else self._root_fd, name))
            self._path = path[: len(self._fds)]
        self._path = path
        return self._fds[-1] if path else self._root_fd

    def forget(self) -> None:
        """Moves to the root: for when directories are removed or replaced."""
        self._close_down_to(0)
        self._path = ()

    def __enter__(self) -> DirCursor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.forget()

    def _common(self, path: DirPath) -> int:
        shorter = min(len(self._path), len(path))
        if self._path[:shorter] == path[:shorter]:
            return shorter  # straight up or down, which is most moves, and in a deep tree the dear ones
        return next(count for count in range(shorter) if self._path[count] != path[count])

    def _close_down_to(self, count: int) -> None:
        while len(self._fds) > count:
            os.close(self._fds.pop())
