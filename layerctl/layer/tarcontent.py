"""Writing the data of an archive's file to disk, and hashing it on the way."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from blake3 import blake3

from layerctl.layer.fullwrite import write_all
from layerctl.model.ids import Digest

if TYPE_CHECKING:
    from layerctl.layer.sparse import Extents
    from layerctl.layer.tarmember import Member
    from layerctl.layer.tarstream import TarStream

_SMALL = 256 << 10
_ZEROS = memoryview(bytes(1 << 20))


def write_content(stream: TarStream, member: Member, fd: int) -> Digest:
    """Writes the present member's data into an open empty file; holes stay holes.

    Returns:
        BLAKE3 of the whole content, holes included.
    """
    if member.extents is not None:
        return _write_sparse(stream, member.extents, member.entry.size, fd)
    if member.stored <= _SMALL:
        data = stream.data()
        write_all(fd, data)
        return Digest(blake3(data).digest())
    hasher = blake3()
    _write_hashed(stream.pieces(member.stored), fd, hasher)
    return Digest(hasher.digest())


def _write_sparse(stream: TarStream, extents: Extents, size: int, fd: int) -> Digest:
    hasher = blake3()
    position = 0
    for offset, length in extents:
        _hash_zeros(offset - position, hasher)
        os.lseek(fd, offset, os.SEEK_SET)
        _write_hashed(stream.pieces(length), fd, hasher)
        position = offset + length
    _hash_zeros(size - position, hasher)
    os.ftruncate(fd, size)
    return Digest(hasher.digest())


def _write_hashed(pieces: Iterable[memoryview], fd: int, hasher: blake3) -> None:
    for piece in pieces:
        write_all(fd, piece)
        hasher.update(piece)


def _hash_zeros(count: int, hasher: blake3) -> None:
    while count:
        step = min(count, len(_ZEROS))
        hasher.update(_ZEROS[:step])
        count -= step
