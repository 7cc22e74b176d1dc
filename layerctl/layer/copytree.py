"""Copying a directory tree into a layer's staging directory.

Both trees are walked by descriptors, so that no name and no depth is too much for it, and no symlink is followed. What
is no regular file is made anew and never opened: a fifo would block for ever, a device might do something.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from layerctl.errors import BadArchive
from layerctl.layer.content import copy_content, digest_bytes, digest_fd
from layerctl.layer.dircursor import DirCursor, DirPath
from layerctl.layer.failure import explained
from layerctl.layer.foreign_xattrs import read_foreign_xattrs
from layerctl.layer.fullwrite import write_all
from layerctl.layer.metadata import is_whiteout, kind_of, open_regular, path_in
from layerctl.layer.staging import Staging
from layerctl.model.entry import Entry, Kind
from layerctl.model.progress import Progress, silent

if TYPE_CHECKING:
    from layerctl.layer.xattrs import XattrNamespace
    from layerctl.model.ids import Digest
    from layerctl.model.scan import Scan

#: What tells one file from another: device and inode number.
FileId = tuple[int, int]

_SMALL = 128 << 10
_BLOCK = 512
_REPORT_EVERY = 1_000


def copy_tree(
    source_fd: int,
    root_fd: int,
    *,
    namespace: XattrNamespace,
    exclude: frozenset[FileId] = frozenset(),
    progress: Progress = silent,
) -> Scan:
    """Copies a tree: owners, modes, attributes, ACLs, times, holes, hard links, devices, fifos and sockets.

    Mounted file systems inside are copied too, as ``tar`` does. A file that vanishes meanwhile is left out; of a file
    that changes, the digest is that of what was written.

    Args:
        source_fd: the directory to copy.
        root_fd: a fresh empty directory; after an error it holds what was copied until then.
        namespace: how attributes are spelled in the copy.
        exclude: device and inode numbers of directories to leave out.
        progress: told the number of entries copied so far.

    Returns:
        The listing of the copy.

    Raises:
        BadArchive: the tree holds a whiteout of overlayfs, or the file system will not take an entry.
        NoSpace: the disk is full.
        NoPrivilege: the process may not read a file, or give the copy its owner, type or attributes.
    """
    with DirCursor(source_fd) as cursor, Staging(root_fd, namespace) as staging:
        return _Copier(cursor, staging, exclude, progress).run()


class _Copier:
    def __init__(self, cursor: DirCursor, staging: Staging, exclude: frozenset[FileId], progress: Progress) -> None:
        self._cursor = cursor
        self._staging = staging
        self._exclude = exclude
        self._progress = progress
        self._seen: dict[FileId, DirPath] = {}
        self._count = 0
        self._path: DirPath = ()

    def run(self) -> Scan:
        try:
            todo: list[DirPath] = [()]
            while todo:
                todo += self._copy_dir(todo.pop())
            return self._staging.finish()
        except OSError as exc:
            raise explained(exc, "copy", b"/".join(self._path)) from exc

    def _copy_dir(self, path: DirPath) -> list[DirPath]:
        """Copies what is directly in a directory; gives the subdirectories, last first."""
        self._path = path
        try:
            dir_fd = self._cursor.at(path)
        except FileNotFoundError:
            return []
        self._staging.add_dir(path, _entry(dir_fd, os.fstat(dir_fd)))
        names = sorted(os.fsencode(name) for name in os.listdir(dir_fd))
        return [(*path, name) for name in reversed(names) if self._copy((*path, name), dir_fd)]

    def _copy(self, path: DirPath, dir_fd: int) -> bool:
        """Copies one entry; whether it is a directory, which is still to be copied."""
        self._path = path
        self._report()
        try:
            status = os.stat(path[-1], dir_fd=dir_fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        identity = (status.st_dev, status.st_ino)
        if stat.S_ISDIR(status.st_mode):
            return identity not in self._exclude
        if identity in self._seen:
            self._staging.add_link(path, self._seen[identity])
        elif self._copy_content_of(path, dir_fd, status):
            self._seen[identity] = path
        return False

    def _copy_content_of(self, path: DirPath, dir_fd: int, status: os.stat_result) -> bool:
        """Copies a file of any kind; whether it was still there."""
        if is_whiteout(status):
            raise BadArchive(f"{_text(path)} is a character device 0:0, which overlayfs takes for a deletion")
        if stat.S_ISREG(status.st_mode):
            return self._copy_file(path, dir_fd)
        try:
            entry = _entry(path_in(dir_fd, path[-1]), status)
        except FileNotFoundError:
            return False
        self._staging.add_node(path, entry)
        return True

    def _copy_file(self, path: DirPath, dir_fd: int) -> bool:
        try:
            source = open_regular(dir_fd, path[-1])
        except FileNotFoundError as exc:
            if not _is_there(path[-1], dir_fd):
                return False
            raise BadArchive(f"{_text(path)} changed its type while it was copied") from exc
        try:
            status = os.fstat(source)
            self._staging.add_file(path, _entry(source, status), lambda target: _copied(source, status, target))
        finally:
            os.close(source)
        return True

    def _report(self) -> None:
        self._count += 1
        if self._count % _REPORT_EVERY == 0:
            self._progress("copying", self._count, None)


def _is_there(name: bytes, dir_fd: int) -> bool:
    try:
        os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _text(path: DirPath) -> str:
    return repr(os.fsdecode(b"/".join(path)))


def _entry(target: int | bytes, status: os.stat_result) -> Entry:
    kind = kind_of(status.st_mode)
    return Entry(
        kind,
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        status.st_mtime_ns,
        target=os.readlink(target) if kind is Kind.SYMLINK and isinstance(target, bytes) else None,
        rdev=(os.major(status.st_rdev), os.minor(status.st_rdev)) if kind in (Kind.CHAR, Kind.BLOCK) else None,
        xattrs=read_foreign_xattrs(target, kind),
    )


def _copied(source: int, status: os.stat_result, target: int) -> tuple[Digest, int]:
    size = status.st_size
    if size <= _SMALL and status.st_blocks * _BLOCK >= size:
        data = os.read(source, size + 1)
        if len(data) == size:
            write_all(target, memoryview(data))
            return digest_bytes(data), size
    copy_content(source, target)
    os.lseek(target, 0, os.SEEK_SET)
    return digest_fd(target, os.fstat(target).st_size)
