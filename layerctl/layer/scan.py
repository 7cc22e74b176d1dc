"""Reading a write layer: an overlayfs upperdir → :class:`~layerctl.model.scan.Scan`.

All access goes by directory descriptors and never through a symlink; whatever a container left there, nothing
outside is reached, and nothing but regular files is ever opened. Source: kernel
``Documentation/filesystems/overlayfs.rst``, "whiteouts and opaque directories".
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from layerctl.errors import UnsafeWriteLayer
from layerctl.layer.content import BIG, digest_fd
from layerctl.layer.handles import DirHandles
from layerctl.layer.idmap import overflow_ids
from layerctl.layer.metadata import is_whiteout, kind_of, open_regular, open_unnoticed, path_in
from layerctl.layer.xattrs import XattrNamespace, get_xattr, list_xattrs, read_xattrs
from layerctl.model.entry import Entry, Kind
from layerctl.model.ids import Digest
from layerctl.model.progress import Progress, silent
from layerctl.model.recursion import deep_recursion
from layerctl.model.scan import RootPath, Scan, ScanDir

if TYPE_CHECKING:
    from layerctl.layer.statcache import StatCache

#: Gives the digest of a file's content by its path and status, if the file need not be opened for it.
DigestSource = Callable[[RootPath, os.stat_result], Digest | None]

#: Is told of what cannot be read: its path and why.
Unreadable = Callable[[RootPath, OSError | UnsafeWriteLayer], None]

#: What a name says of which somebody has just made something else, or nothing.
_MOVED = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.EINVAL}
#: For a layer that nobody writes to; a third of what :func:`open_regular` costs.
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
#: Files in a piece of work, if there are not more than so many pieces; fewer pieces are not worth a second process.
_PIECE, _PIECES, _FEW = 100, 1000, 20
#: How Python decodes the names in a directory.
_CODEC = (sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())


class _Files(NamedTuple):
    """Regular files of one directory.

    Attributes:
        path: the directory's.
        into: where their entries go.
        names: which.
    """

    path: RootPath
    into: ScanDir
    names: list[bytes]

    @property
    def prefix(self) -> bytes:
        """What stands before the names in their paths."""
        return self.path + b"/" if self.path else b""


class LayerScanner:
    """One pass over one write layer.

    Args:
        namespace: where the mount that wrote the layer keeps its marks.
        known: asked for a file's digest before the file is opened; may return None.
        cache: asked for a file's digest before it is read.
        digests: by device and inode number, of files with several names; shared between scans.
        progress: told of entries read.
        tolerant: entries may vanish while they are read, because somebody is writing.
        unreadable: told of what cannot be read, which is left out then; without, the first such error ends the scan.
    """

    def __init__(
        self,
        namespace: XattrNamespace,
        *,
        known: DigestSource | None = None,
        cache: StatCache | None = None,
        digests: dict[tuple[int, int], Digest] | None = None,
        progress: Progress = silent,
        tolerant: bool = False,
        unreadable: Unreadable | None = None,
    ) -> None:
        self._namespace = namespace
        self._known = known
        self._cache = cache
        self._digests = digests
        self._progress = progress
        self._tolerant = tolerant
        self._unreadable = unreadable
        self._unmapped = overflow_ids() if namespace is XattrNamespace.USER else None
        self._opaque = namespace.mark(b"opaque")
        self._forbidden = {namespace.mark(b"redirect"), namespace.mark(b"metacopy")}
        self._whiteout = namespace.mark(b"whiteout")
        self._inodes: dict[tuple[int, int], list[RootPath]] = {}
        self._first: dict[tuple[int, int], Entry] = {}
        self._count = 0
        #: Regular files of a layer that nobody writes to, by directory: they are read when all are listed.
        self._later: list[_Files] | None = [] if known is None and unreadable is None and not tolerant else None

    def scan(self, root_fd: int) -> Scan:
        """Lists the layer below an open directory.

        Raises:
            UnsafeWriteLayer: the layer depends on redirects or metadata-only copies.
            OSError: reading failed.
        """
        with deep_recursion(), DirHandles(root_fd) as handles:
            root = self._directory(handles, b"")
            if self._later is not None:
                self._read_files(handles, self._later)
        groups = sorted(tuple(sorted(paths)) for paths in self._inodes.values() if len(paths) > 1)
        return Scan(root, tuple(groups))

    def _directory(self, handles: DirHandles, path: RootPath) -> ScanDir:
        fd = handles.get(path)
        status = os.fstat(fd)
        names = list_xattrs(fd)
        result = ScanDir(self._entry(status, Kind.DIR, fd, names), opaque=self._is_opaque(fd, names, path))
        prefix = path + b"/" if path else b""
        below: list[bytes] = []
        later = self._files_to_read(path, result)
        with os.scandir(fd) as found:
            items = list(found)
        for item in items:
            name = item.name.encode(*_CODEC)
            try:
                self._child(fd, name, item, prefix + name, result, below, later)
            except (OSError, UnsafeWriteLayer) as exc:
                self._tolerate(exc, prefix + name)
        for name in below:  # fd may be closed by now: a tree can have more levels than a process has descriptors
            try:
                result.dirs[name] = self._directory(handles, prefix + name)
            except (OSError, UnsafeWriteLayer) as exc:
                self._tolerate(exc, prefix + name)
        return result

    def _files_to_read(self, path: RootPath, into: ScanDir) -> list[bytes] | None:
        if self._later is None:
            return None
        files = _Files(path, into, [])
        self._later.append(files)
        return files.names

    def _read_files(self, handles: DirHandles, listed: list[_Files]) -> None:
        """Reads what was listed; of many, a second process takes its share."""
        pieces = list(_pieces(listed))

        def here(number: int) -> None:
            self._progress("reading files", number, len(pieces))
            for files in pieces[number]:
                self._read_here(handles, files, files.names)

        def there(number: int) -> list[dict[bytes, tuple[Any, ...] | None]]:
            return [self._read_there(handles, files) for files in pieces[number]]

        if len(pieces) < _FEW:
            for number in range(len(pieces)):
                here(number)
            return
        from layerctl.layer.sharing import share  # noqa: PLC0415 (mostly not needed)

        for number, rows_of in share(len(pieces), here, there).items():
            for files, rows in zip(pieces[number], rows_of, strict=True):
                for name, row in rows.items():
                    _put(files.into, name, Entry(Kind.FILE, *row) if row is not None else None)
                if len(rows) < len(files.names):
                    self._read_here(handles, files, [name for name in files.names if name not in rows])

    def _read_here(self, handles: DirHandles, files: _Files, names: list[bytes]) -> None:
        dir_fd = handles.get(files.path)
        for name in names:
            _put(files.into, name, self._file(dir_fd, name, files.prefix + name))

    def _read_there(self, handles: DirHandles, files: _Files) -> dict[bytes, tuple[Any, ...] | None]:
        """Files by name, without those of which the other process must know, or that it reads on all cores."""
        dir_fd = handles.get(files.path)
        rows: dict[bytes, tuple[Any, ...] | None] = {}
        for name in files.names:
            status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
            if status.st_nlink == 1 and status.st_size < BIG:
                entry = self._file(dir_fd, name, files.prefix + name)
                rows[name] = entry[1:] if entry is not None else None
        return rows

    def _tolerate(self, error: OSError | UnsafeWriteLayer, path: RootPath) -> None:
        if self._tolerant and isinstance(error, OSError) and error.errno in _MOVED:
            return
        if self._unreadable is None:
            raise error
        self._unreadable(path, error)

    def _child(
        self,
        fd: int,
        name: bytes,
        item: os.DirEntry[str],
        path: RootPath,
        into: ScanDir,
        below: list[bytes],
        later: list[bytes] | None,
    ) -> None:
        self._count += 1
        if self._count % 1024 == 0:
            self._progress("scanning", self._count, None)
        if item.is_dir(follow_symlinks=False):  # the directory itself says so, which costs no call
            below.append(name)
            return
        is_file = item.is_file(follow_symlinks=False)
        if is_file and later is not None:
            later.append(name)
            return
        _put(into, name, self._file(fd, name, path) if is_file else self._special(fd, name, path))

    def _special(self, fd: int, name: bytes, path: RootPath) -> Entry | None:
        """What is neither a regular file nor a directory; None for a whiteout."""
        status = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if is_whiteout(status):
            return None
        kind = kind_of(status.st_mode)
        if kind is Kind.DIR or kind is Kind.FILE:
            raise FileNotFoundError(errno.ENOENT, "something else by now", os.fsdecode(path))
        known = self._link_to(status, path)
        if known is not None:
            return known
        target = os.readlink(name, dir_fd=fd) if kind is Kind.SYMLINK else None
        place = path_in(fd, name)
        entry = self._entry(status, kind, place, list_xattrs(place), target=target)
        self._remember(status, path, entry)
        return entry

    def _link_to(self, status: os.stat_result, path: RootPath) -> Entry | None:
        """The entry of an inode that was read already, under another path."""
        if status.st_nlink < 2:
            return None
        inode = (status.st_dev, status.st_ino)
        known = self._first.get(inode)
        if known is not None:
            self._inodes[inode].append(path)
        return known

    def _remember(self, status: os.stat_result, path: RootPath, entry: Entry) -> None:
        if status.st_nlink > 1:
            inode = (status.st_dev, status.st_ino)
            self._first[inode] = entry
            self._inodes[inode] = [path]

    def _file(self, dir_fd: int, name: bytes, path: RootPath) -> Entry | None:
        """A regular file; None for a whiteout."""
        if self._known is not None:
            status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
            digest = self._known(path, status)
            if digest is not None:
                if self._cache is not None:
                    self._cache.keep(status)
                return self._file_at(path_in(dir_fd, name), status, path, lambda: (digest, status.st_size))
        fd = open_regular(dir_fd, name) if self._tolerant else open_unnoticed(name, _OPEN_FILE, dir_fd)
        try:
            status = os.fstat(fd)
            return self._file_at(fd, status, path, lambda: self._digest(fd, status))
        finally:
            os.close(fd)

    def _file_at(
        self, place: int | bytes, status: os.stat_result, path: RootPath, content: Callable[[], tuple[Digest, int]]
    ) -> Entry | None:
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(errno.ENOENT, "no regular file any more", os.fsdecode(path))
        known = self._link_to(status, path)
        if known is not None:
            return known
        names = list_xattrs(place)
        if names and self._file_marks(names, path, status):
            return None
        digest, size = content()
        entry = self._entry(status, Kind.FILE, place, names, size=size, digest=digest)
        self._remember(status, path, entry)
        return entry

    def _digest(self, fd: int, status: os.stat_result) -> tuple[Digest, int]:
        inode = (status.st_dev, status.st_ino)
        if self._digests is not None and inode in self._digests:
            return self._digests[inode], status.st_size

        def read() -> tuple[Digest, int]:
            return digest_fd(fd, status.st_size, at_most=status.st_size if self._tolerant else None)

        digest, size = self._cache.digest(fd, status, read) if self._cache is not None else read()
        if self._digests is not None and status.st_nlink > 1:
            self._digests[inode] = digest
        return digest, size

    def _file_marks(self, names: list[bytes], path: RootPath, status: os.stat_result) -> bool:
        """Whether a regular file is an xattr whiteout (kernel 6.7); refuses what is only half a file."""
        self._refuse(names, path)
        return self._whiteout in names and status.st_size == 0

    def _is_opaque(self, fd: int, names: list[bytes], path: RootPath) -> bool:
        self._refuse(names, path)
        return self._opaque in names and get_xattr(fd, self._opaque) == b"y"

    def _refuse(self, names: list[bytes], path: RootPath) -> None:
        for name in self._forbidden.intersection(names):
            raise UnsafeWriteLayer(
                f"the write layer has {os.fsdecode(name)} on /{os.fsdecode(path)}: it is no whole diff by itself",
                hint="it was mounted by something else with redirect_dir or metacopy on; copy the tree and import that",
            )

    def _entry(
        self,
        status: os.stat_result,
        kind: Kind,
        place: int | bytes,
        names: list[bytes],
        *,
        size: int = 0,
        digest: Digest | None = None,
        target: bytes | None = None,
    ) -> Entry:
        if self._unmapped and (status.st_uid == self._unmapped[0] or status.st_gid == self._unmapped[1]):
            raise UnsafeWriteLayer(
                "the write layer holds files of owners outside of this user namespace",
                hint="run layerctl where these owners are mapped",
            )
        device = None
        if kind is Kind.CHAR or kind is Kind.BLOCK:
            device = (os.major(status.st_rdev), os.minor(status.st_rdev))
        return Entry(
            kind,
            stat.S_IMODE(status.st_mode) if kind is not Kind.SYMLINK else 0o777,
            status.st_uid,
            status.st_gid,
            status.st_mtime_ns,
            size,
            digest,
            os.fsencode(target) if target is not None else None,
            device,
            read_xattrs(place, names, self._namespace) if names else (),
        )


def _put(into: ScanDir, name: bytes, entry: Entry | None) -> None:
    """An entry, or a whiteout."""
    if entry is None:
        into.whiteouts.add(name)
    else:
        into.files[name] = entry


def _pieces(listed: list[_Files]) -> Iterator[list[_Files]]:
    """Pieces of work: so many files each that there are not too many pieces."""
    size = max(_PIECE, sum(len(files.names) for files in listed) // _PIECES)
    piece: list[_Files] = []
    room = size
    for path, into, names in listed:
        start = 0
        while start < len(names):
            part = names[start : start + room]
            piece.append(_Files(path, into, part))
            start += len(part)
            room -= len(part)
            if room == 0:
                yield piece
                piece, room = [], size
    if piece:
        yield piece
