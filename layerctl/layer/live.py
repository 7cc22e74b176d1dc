"""Changing a mounted tree while others use it.

Each name changes in one step: what is new is made whole under another name beside it and renamed. Everything goes by
descriptors of directories, found component by component, never through a symlink and never into another mount.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from layerctl.errors import Busy
from layerctl.layer.handles import DirHandles, split
from layerctl.layer.metadata import apply_metadata, make_bare_node, open_dir, set_mtime
from layerctl.layer.xattrs import list_xattrs
from layerctl.model.recursion import deep_recursion

if TYPE_CHECKING:
    from layerctl.layer.build import Placer
    from layerctl.model.entry import Entry
    from layerctl.model.scan import RootPath

_SELINUX = b"security.selinux"


class LiveTree:
    """A mounted rootfs that is being changed. Use it in a ``with`` block: it holds descriptors.

    Args:
        root_fd: its root; stays the caller's.
        temporary: the name of what is being made, one thing at a time; nothing else has it.
    """

    def __init__(self, root_fd: int, temporary: bytes) -> None:
        self._handles = DirHandles(root_fd)
        self._temporary = temporary
        self._root_fd = root_fd
        self._device = os.fstat(root_fd).st_dev

    def __enter__(self) -> LiveTree:
        return self

    def __exit__(self, *_: object) -> None:
        self._handles.__exit__(None, None, None)

    def remove(self, path: RootPath) -> None:
        """Deletes a path, if it is there, with everything in it."""
        parent, name = split(path)
        with suppress(FileNotFoundError, NotADirectoryError), _explained(path):
            self._handles.forget(path)
            self._remove(self._directory(parent), name)

    def put(self, path: RootPath, entry: Entry, place: Placer) -> None:
        """Puts what is no directory at a path, in place of what is there.

        Args:
            path: where; the directory is there.
            entry: what it is.
            place: makes it, whole.
        """
        with self._replacing(path) as (dir_fd, temporary):
            place(path, entry, dir_fd, temporary)

    def link(self, path: RootPath, other: RootPath) -> None:
        """Makes a path another name of a file that is there."""
        parent, name = split(other)
        source_fd = os.dup(self._directory(parent))
        try:
            with self._replacing(path) as (dir_fd, temporary):
                os.link(name, temporary, src_dir_fd=source_fd, dst_dir_fd=dir_fd, follow_symlinks=False)
        finally:
            os.close(source_fd)

    def make_dir(self, path: RootPath, entry: Entry) -> None:
        """Makes an empty directory, in place of what is there."""
        with self._replacing(path) as (dir_fd, temporary):
            make_bare_node(dir_fd, temporary, entry)
            apply_metadata(dir_fd, temporary, entry, None)

    def settle_dir(self, path: RootPath, entry: Entry) -> None:
        """Gives a directory its owner, mode, attributes and time, in place; after everything in it."""
        fd = self._directory(path)
        status = os.fstat(fd)
        if (status.st_uid, status.st_gid) != (entry.uid, entry.gid):
            os.fchown(fd, entry.uid, entry.gid)
        wanted = dict(entry.xattrs)
        for key in list_xattrs(fd):
            if key not in wanted and key != _SELINUX:
                os.removexattr(fd, key)
        os.fchmod(fd, entry.mode)
        for key, value in wanted.items():
            os.setxattr(fd, key, value)
        os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))

    def set_time(self, path: RootPath, mtime_ns: int) -> None:
        """Gives a directory its time back."""
        parent, name = split(path)
        if path:
            set_mtime(self._directory(parent), name, mtime_ns)
        else:
            os.utime(self._root_fd, ns=(mtime_ns, mtime_ns))

    def _directory(self, path: RootPath) -> int:
        fd = self._handles.get(path)
        if os.fstat(fd).st_dev != self._device:
            raise Busy(f"something else is mounted at /{os.fsdecode(path)}", hint="unmount it and try again")
        return fd

    @contextmanager
    def _replacing(self, path: RootPath) -> Iterator[tuple[int, bytes]]:
        """A directory, and a name in it for something that then takes a path's place."""
        parent, name = split(path)
        dir_fd = self._directory(parent)
        temporary = self._temporary
        try:
            yield dir_fd, temporary
            with _explained(path):
                self._handles.forget(path)
                self._make_room(dir_fd, name, temporary)
                os.rename(temporary, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        finally:
            with suppress(FileNotFoundError):  # also after renaming one name of a file over another, which does nothing
                self._remove(dir_fd, temporary)

    def _make_room(self, dir_fd: int, name: bytes, new: bytes) -> None:
        """Deletes what a rename cannot replace: a directory, or anything in a directory's way."""
        try:
            old = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        except FileNotFoundError:
            return
        coming = os.stat(new, dir_fd=dir_fd, follow_symlinks=False)
        if stat.S_ISDIR(old.st_mode) or stat.S_ISDIR(coming.st_mode):
            self._remove(dir_fd, name)

    def _remove(self, dir_fd: int, name: bytes) -> None:
        if not stat.S_ISDIR(os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=dir_fd)
            return
        fd = open_dir(dir_fd, name)
        try:
            if os.fstat(fd).st_dev != self._device:
                raise OSError(errno.EBUSY, "a mount point", os.fsdecode(name))
            with deep_recursion():
                for child in os.listdir(fd):
                    self._remove(fd, os.fsencode(child))
        finally:
            os.close(fd)
        os.rmdir(name, dir_fd=dir_fd)


@contextmanager
def _explained(path: RootPath) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno != errno.EBUSY:
            raise
        raise Busy(f"/{os.fsdecode(path)} cannot be replaced: something is mounted there") from exc
