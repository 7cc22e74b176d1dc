"""The files of an image that is stored in one place: in a directory, or inside a tar archive."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from layerctl.errors import BadArchive, LimitExceeded
from layerctl.layer.dircursor import DirCursor
from layerctl.layer.metadata import open_regular
from layerctl.layer.tarstream import TarStream
from layerctl.model.entry import Kind
from layerctl.source.stream import Slice

if TYPE_CHECKING:
    from layerctl.layer.tarmember import Member
    from layerctl.model.imports import ImportLimits

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_MAX_DOCUMENT = 8 << 20
_MAX_LINKS = 16


class FileSet(Protocol):
    """Files by their path."""

    def open(self, path: str) -> AbstractContextManager[Slice]:
        """Opens a file.

        Raises:
            BadArchive: there is none of that path, or it is no regular file.
        """


def read_document(files: FileSet, path: str) -> bytes:
    """Reads a small file whole.

    Raises:
        BadArchive: it is missing.
        LimitExceeded: it is over 8 MiB.
    """
    with files.open(path) as found:
        if found.size > _MAX_DOCUMENT:
            raise LimitExceeded(f"the image's {path!r} is over {_MAX_DOCUMENT} bytes", hint="no image has such a file")
        return b"".join(found.chunks())


class DirFiles:
    """Files in a directory; no symlink inside it is followed."""

    def __init__(self, dir_fd: int) -> None:
        """Takes an open directory, which stays the caller's."""
        self._dir_fd = dir_fd

    @contextmanager
    def open(self, path: str) -> Iterator[Slice]:
        """See :meth:`FileSet.open`."""
        fd = self._open(path)
        try:
            yield Slice(fd, 0, os.fstat(fd).st_size)
        finally:
            os.close(fd)

    def _open(self, path: str) -> int:
        *parents, name = os.fsencode(path).split(b"/")
        try:
            with DirCursor(self._dir_fd) as cursor:
                return open_regular(cursor.at(tuple(parents)), name)
        except OSError as exc:
            if exc.errno not in _ABSENT:
                raise
            raise BadArchive(f"the image has no file {path!r}") from exc


class TarFiles:
    """Files inside an uncompressed tar archive, read in place."""

    def __init__(self, archive: Slice, limits: ImportLimits) -> None:
        """Goes over the archive's headers.

        Raises:
            BadArchive: the archive is broken or cut.
            LimitExceeded: it has too many entries.
        """
        self._files: dict[bytes, Slice | bytes] = {}
        reader = _SliceReader(archive)
        stream = TarStream(reader, seek=reader.seek)
        for member in stream:
            if stream.offset + member.stored > archive.size:
                raise BadArchive(f"the archive is cut short: it ends in {os.fsdecode(member.name)!r}")
            if len(member.name) > limits.max_path:
                raise LimitExceeded(f"the archive has a name of over {limits.max_path} bytes")
            self._add(member, Slice(archive.fd, archive.offset + stream.offset, member.stored))
            if len(self._files) > limits.max_entries:
                raise LimitExceeded(f"the archive has more than {limits.max_entries} entries")

    @contextmanager
    def open(self, path: str) -> Iterator[Slice]:
        """See :meth:`FileSet.open`; links are followed, inside the archive alone."""
        name = _normal(os.fsencode(path))
        for _ in range(_MAX_LINKS):
            found = self._files.get(name)
            if isinstance(found, Slice):
                yield found
                return
            if found is None:
                break
            name = found
        raise BadArchive(f"the image has no file {path!r}")

    def __contains__(self, path: str) -> bool:
        return os.fsencode(path) in self._files

    def _add(self, member: Member, data: Slice) -> None:
        name = _normal(member.name)
        target = member.entry.target
        if member.link is not None:
            self._files[name] = _normal(member.link)
        elif target is not None:
            self._files[name] = _normal(target if target.startswith(b"/") else os.path.dirname(name) + b"/" + target)
        elif member.entry.kind is Kind.FILE and member.extents is None:
            self._files[name] = data


class _SliceReader:
    def __init__(self, data: Slice) -> None:
        self._data = data
        self._position = 0

    def read(self, size: int, /) -> bytes:
        chunk = os.pread(
            self._data.fd, min(size, max(0, self._data.size - self._position)), self._data.offset + self._position
        )
        self._position += len(chunk)
        return chunk

    def seek(self, position: int) -> None:
        self._position = position


def _normal(path: bytes) -> bytes:
    """A path inside an archive without ``.``, ``..`` and leading slashes; it is a key and never opened."""
    return os.path.normpath(b"/" + path.lstrip(b"/")).lstrip(b"/")
