"""File content: digests and copies that keep holes."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator

from blake3 import blake3

from layerctl.errors import Damaged
from layerctl.model.ids import Digest

_CHUNK = 1 << 20
#: From so many bytes on, a file is read by one thread and hashed by others.
BIG = 16 << 20
_BIG_CHUNK = 4 << 20
_FICLONE = 0x40049409
_CANNOT_CLONE = {errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.EPERM, errno.ENOSYS}
_CANNOT_COPY_RANGE = {errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM}

EMPTY_DIGEST = Digest(blake3().digest())


def digest_bytes(data: bytes) -> Digest:
    """BLAKE3 of bytes in memory."""
    return Digest(blake3(data).digest())


def digest_fd(fd: int, size_hint: int, *, at_most: int | None = None) -> tuple[Digest, int]:
    """BLAKE3 of an open regular file from its current position to its end, and the number of bytes read.

    Memory use is constant; big files are hashed on all cores, outside the interpreter lock.

    Args:
        fd: the file.
        size_hint: how long it is said to be.
        at_most: stop after so many bytes: somebody may append as fast as this reads.
    """
    if size_hint < _CHUNK:
        data = os.read(fd, size_hint + (at_most is None))
        if len(data) == size_hint:
            return Digest(blake3(data).digest()), size_hint
        return _digest_stream(fd, blake3(data), len(data), _CHUNK, at_most)
    if size_hint >= BIG:
        return _digest_ahead(fd, at_most)
    return _digest_stream(fd, blake3(), 0, _CHUNK, at_most)


def _digest_ahead(fd: int, at_most: int | None) -> tuple[Digest, int]:
    from layerctl.layer.readahead import pieces  # noqa: PLC0415 (mostly not needed)

    hasher, size = blake3(max_threads=blake3.AUTO), 0
    with pieces(fd, _BIG_CHUNK, at_most) as found:
        for piece in found:
            hasher.update(piece)
            size += len(piece)
    return Digest(hasher.digest()), size


def _digest_stream(fd: int, hasher: blake3, done: int, chunk: int, at_most: int | None) -> tuple[Digest, int]:
    buffer = memoryview(bytearray(chunk))
    while count := os.readv(fd, [buffer if at_most is None else buffer[: at_most - done]]):
        hasher.update(buffer[:count])
        done += count
    return Digest(hasher.digest()), done


def read_verified(fd: int, size: int, digest: Digest | None) -> Iterator[bytes]:
    """An open file's content from its beginning, checked against its listing.

    Raises:
        Damaged: at the end of it, if it is not what the listing says.
    """
    hasher, position = blake3(), 0
    while chunk := os.pread(fd, _CHUNK, position):
        hasher.update(chunk)
        position += len(chunk)
        yield chunk
    if position != size or hasher.digest() != digest:
        raise Damaged("a file in the layers is not what its commit recorded")


def copy_content(source: int, target: int) -> None:
    """Copies one open regular file into another, empty one: by reflink, else range by range, holes kept.

    Both positions are undefined afterwards. The target gets the source's size, even if that ends in a hole.
    """
    if _clone(source, target):
        return
    size = os.fstat(source).st_size
    os.ftruncate(target, size)
    position = 0
    while position < size:
        try:
            start = os.lseek(source, position, os.SEEK_DATA)
            end = os.lseek(source, start, os.SEEK_HOLE)
        except OSError as exc:
            if exc.errno == errno.ENXIO:  # there is no more: a hole, or somebody has just cut the file
                return
            raise
        _copy_range(source, target, start, min(end, size))
        position = end


def _clone(source: int, target: int) -> bool:
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as exc:
        if exc.errno in _CANNOT_CLONE:
            return False
        raise
    return True


def _copy_range(source: int, target: int, start: int, end: int) -> None:
    while start < end:
        try:
            count = os.copy_file_range(source, target, end - start, start, start)
        except OSError as exc:
            if exc.errno not in _CANNOT_COPY_RANGE:
                raise
            data = os.pread(source, min(_CHUNK, end - start), start)
            count = os.pwrite(target, data, start) if data else 0
        if count == 0:
            return
        start += count
