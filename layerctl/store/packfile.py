"""Reading objects out of a pack. Source: Git's ``gitformat-pack(5)``, pack version 2 and index version 2."""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from functools import cached_property
from typing import TYPE_CHECKING

from layerctl.errors import Damaged
from layerctl.model.ids import ObjectId

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"\xfftOc\0\0\0\2"
_FANOUT = 8
_IDS = _FANOUT + 1024
_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_OFS_DELTA, _REF_DELTA = 6, 7
_LARGE = 1 << 31


class PackFile:
    """A pack and its index, both mapped into memory.

    Args:
        index: the ``.idx`` file.

    Raises:
        Damaged: it is no index of version 2.
    """

    def __init__(self, index: Path) -> None:
        self._path = index.with_suffix(".pack")
        self._index = _map(index)
        if self._index[:8] != _MAGIC or len(self._index) < _IDS + 40:
            raise Damaged(f"{index} is no index of a pack")
        self._count = self._number(_FANOUT + 255 * 4)
        self._offsets = _IDS + 24 * self._count
        if len(self._index) < self._offsets + 4 * self._count + 40:
            raise Damaged(f"{index} is cut")

    @cached_property
    def _pack(self) -> mmap.mmap:
        return _map(self._path)

    def find(self, oid: ObjectId) -> int | None:
        """Where an object begins in the pack; None if it is not in there."""
        first = oid[0]
        low = self._number(_FANOUT + 4 * (first - 1)) if first else 0
        high = min(self._number(_FANOUT + 4 * first), self._count)
        index = self._index
        while low < high:
            middle = (low + high) // 2
            place = _IDS + 20 * middle
            here = index[place : place + 20]
            if here == oid:
                return self._offset(middle)
            if here < oid:
                low = middle + 1
            else:
                high = middle
        return None

    def read(self, oid: ObjectId) -> tuple[str, bytes] | None:
        """Type and content of an object; None if it is not in here.

        Raises:
            Damaged: it cannot be unpacked.
        """
        offset = self.find(oid)
        if offset is None:
            return None
        try:
            return self._read(offset)
        except (zlib.error, IndexError, struct.error) as exc:
            raise Damaged(f"Git object {oid.hex()} cannot be unpacked") from exc

    def _read(self, offset: int) -> tuple[str, bytes]:
        deltas: list[bytes] = []
        kind, size, place = self._header(offset)
        while kind not in _KINDS:
            base, place = self._base(kind, offset, place)
            deltas.append(self._inflate(place, size))
            offset = base
            kind, size, place = self._header(offset)
        data = self._inflate(place, size)
        for delta in reversed(deltas):
            data = apply_delta(data, delta)
        return _KINDS[kind], data

    def _base(self, kind: int, offset: int, place: int) -> tuple[int, int]:
        """Where the base of a delta begins, and where the delta itself does."""
        if kind == _OFS_DELTA:
            distance, place = self._distance(place)
            if 0 < distance <= offset:
                return offset - distance, place
        elif kind == _REF_DELTA:
            base = self.find(ObjectId(self._pack[place : place + 20]))
            if base is not None:
                return base, place + 20
        raise Damaged("an object in a pack has no base")

    def _header(self, place: int) -> tuple[int, int, int]:
        """Type, size, and where the data begin."""
        byte = self._pack[place]
        kind, size, shift = byte >> 4 & 7, byte & 15, 4
        while byte & 0x80:
            place += 1
            byte = self._pack[place]
            size |= (byte & 0x7F) << shift
            shift += 7
        return kind, size, place + 1

    def _distance(self, place: int) -> tuple[int, int]:
        byte = self._pack[place]
        value = byte & 0x7F
        while byte & 0x80:
            place += 1
            byte = self._pack[place]
            value = (value + 1) << 7 | byte & 0x7F
        return value, place + 1

    def _inflate(self, place: int, size: int) -> bytes:
        stream = zlib.decompressobj()
        bound = size + (size >> 9) + 64  # deflate grows what it cannot shrink by less than that
        data = stream.decompress(self._pack[place : place + bound])
        if not stream.eof:
            data += stream.decompress(self._pack[place + bound : place + 2 * bound + 1024])
        if len(data) != size or not stream.eof:
            raise Damaged("an object in a pack is not as long as it says")
        return data

    def _number(self, place: int) -> int:
        return int.from_bytes(self._index[place : place + 4])

    def _offset(self, number: int) -> int:
        offset = self._number(self._offsets + 4 * number)
        if offset < _LARGE:
            return offset
        place = self._offsets + 4 * self._count + 8 * (offset - _LARGE)
        return int.from_bytes(self._index[place : place + 8])


def apply_delta(base: bytes, delta: bytes) -> bytes:
    """The object that a delta makes of its base.

    Raises:
        Damaged: it belongs to another base, or is malformed.
    """
    size, place = _varint(delta, 0)
    result_size, place = _varint(delta, place)
    if size != len(base):
        raise Damaged("a delta in a pack belongs to another base")
    out = bytearray()
    while place < len(delta):
        op = delta[place]
        place += 1
        if op & 0x80:
            start = length = 0
            for bit in range(4):
                if op & 1 << bit:
                    start |= delta[place] << 8 * bit
                    place += 1
            for bit in range(3):
                if op & 0x10 << bit:
                    length |= delta[place] << 8 * bit
                    place += 1
            out += base[start : start + (length or 0x10000)]
        else:
            out += delta[place : place + op]
            place += op or len(delta)
    if place > len(delta):
        raise Damaged("a delta in a pack is malformed")
    if len(out) != result_size:
        raise Damaged("a delta in a pack is malformed")
    return bytes(out)


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, place


def _map(path: Path) -> mmap.mmap:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return mmap.mmap(fd, 0, access=mmap.ACCESS_READ)
        finally:
            os.close(fd)
    except (FileNotFoundError, ValueError) as exc:  # an empty file cannot be mapped
        raise Damaged(f"{path} is missing or empty") from exc
