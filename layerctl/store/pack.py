"""Writing many Git objects at once, as a pack.

One file instead of thousands: a loose object costs a temporary file, a rename and an inode each. libgit2 can only
pack what is stored already, so the pack and its index are written here.
Source: Git's ``gitformat-pack(5)``, pack version 2 and index version 2.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from threading import get_native_id
from typing import TYPE_CHECKING

from layerctl.errors import Damaged
from layerctl.layer.bytereader import CHUNK

if TYPE_CHECKING:
    from layerctl.model.ids import ObjectId

_TREE, _BLOB = 2, 3
_NAMES = {1: "commit", _TREE: "tree", _BLOB: "blob", 4: "tag"}
_OFS_DELTA, _REF_DELTA = 6, 7
_LEVEL = 1
_CHUNK = 1 << 12
_LARGE = 1 << 31
_HEADER = struct.Struct(">4sII")


def write_pack(folder: Path, objects: Iterable[tuple[ObjectId, bool, bytes]]) -> None:
    """Writes a pack and its index; see :class:`PackWriter`.

    Args:
        folder: the repository's ``objects/pack``.
        objects: ``(id, is_tree, data)``, each id once.
    """
    pack = PackWriter(folder)
    try:
        for oid, is_tree, data in sorted(objects):
            pack.add(oid, is_tree, data)
        pack.finish()
    finally:
        pack.close()


class PackWriter:
    """A pack that grows object by object. Git sees nothing of it before its index is there, which comes last.

    Nothing is synced.

    Args:
        folder: the repository's ``objects/pack``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"tmp_pack_{get_native_id()}"
        self._places: dict[ObjectId, tuple[int, int, int]] = {}
        self._size = _HEADER.size
        self._digest = hashlib.sha1(usedforsecurity=False)
        folder.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)  # of a killed process that had our thread's number
        self._file = self._path.open("x+b")
        self._file.write(_HEADER.pack(b"PACK", 2, 0))

    def add(self, oid: ObjectId, is_tree: bool, data: bytes) -> None:
        """Appends an object, unless it is in there."""
        if oid in self._places:
            return
        packed = _object_header(_TREE if is_tree else _BLOB, len(data)) + zlib.compress(data, _LEVEL)
        self._places[oid] = (self._size, zlib.crc32(packed), len(packed))
        self._size += len(packed)
        self._digest.update(packed)
        self._file.write(packed)

    def read(self, oid: ObjectId) -> bytes | None:
        """The raw bytes of an object; None if it is not in there."""
        place = self._places.get(oid)
        if place is None:
            return None
        offset, _, length = place
        self._file.flush()
        packed = os.pread(self._file.fileno(), length, offset)
        return zlib.decompress(packed[_read_header(packed, 0)[1] :])

    def finish(self) -> None:
        """Completes the pack and gives it its name.

        Raises:
            Damaged: the disk gives back something else than was written.
        """
        oids = sorted(self._places)
        checksum = self._complete()
        name = hashlib.sha1(b"".join(oids), usedforsecurity=False).hexdigest()
        os.chmod(self._path, 0o444)
        os.rename(self._path, self._folder / f"pack-{name}.pack")
        _write_file(self._path, _index(oids, [self._places[oid][:2] for oid in oids], checksum))
        os.rename(self._path, self._folder / f"pack-{name}.idx")

    def close(self) -> None:
        """Deletes what was not finished."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _complete(self) -> bytes:
        """Writes how many objects there are, and the checksum, which begins with that: the pack is read for it."""
        header = _HEADER.pack(b"PACK", 2, len(self._places))
        self._file.seek(0)
        self._file.write(header)
        whole, written = hashlib.sha1(header, usedforsecurity=False), hashlib.sha1(usedforsecurity=False)
        while data := self._file.read(CHUNK):
            whole.update(data)
            written.update(data)
        if written.digest() != self._digest.digest():
            raise Damaged(f"{self._path} is not what was written to it")
        self._file.write(whole.digest())
        self._file.close()
        return whole.digest()


def _object_header(kind: int, size: int) -> bytes:
    """Type and size: four bits of the size, then seven at a time."""
    byte, size = kind << 4 | size & 15, size >> 4
    out = bytearray()
    while size:
        out.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    out.append(byte)
    return bytes(out)


def _index(oids: list[ObjectId], places: list[tuple[int, int]], checksum: bytes) -> bytes:
    fanout, count = [], 0
    for first in range(256):
        while count < len(oids) and oids[count][0] <= first:
            count += 1
        fanout.append(count)
    large = [offset for offset, _ in places if offset >= _LARGE]
    slots = {offset: _LARGE | index for index, offset in enumerate(large)}
    body = b"".join(
        (
            b"\xfftOc" + struct.pack(">I", 2),
            struct.pack(">256I", *fanout),
            b"".join(oids),
            struct.pack(f">{len(places)}I", *(crc for _, crc in places)),
            struct.pack(f">{len(places)}I", *(slots.get(offset, offset) for offset, _ in places)),
            struct.pack(f">{len(large)}Q", *large),
            checksum,
        )
    )
    return body + hashlib.sha1(body, usedforsecurity=False).digest()


def _write_file(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    with os.fdopen(fd, "wb") as file:
        file.write(data)


def read_pack(pack: bytes) -> tuple[list[tuple[str, bytes]], int]:
    """Reads a pack from its beginning as far as it is whole, without an index.

    Returns:
        ``(type, data)`` of each object, and how many more are stored as differences to others.
    """
    found: list[tuple[str, bytes]] = []
    differences = 0
    position = 12
    while position < len(pack) - 20:
        kind, position = _read_header(pack, position)
        if kind == _OFS_DELTA:
            while pack[position] & 0x80:
                position += 1
            position += 1
        elif kind == _REF_DELTA:
            position += 20
        unpacked = _inflate_at(pack, position)
        if unpacked is None:
            break
        data, position = unpacked
        if kind in _NAMES:
            found.append((_NAMES[kind], data))
        else:
            differences += 1
    return found, differences


def _inflate_at(pack: bytes, position: int) -> tuple[bytes, int] | None:
    """What is compressed at a position, and where it ends; None if it is broken."""
    stream = zlib.decompressobj()
    data = bytearray()
    try:
        while not stream.eof and position < len(pack):
            chunk = pack[position : position + _CHUNK]
            data += stream.decompress(chunk)
            position += len(chunk) - len(stream.unused_data)
    except zlib.error:
        return None
    return (bytes(data), position) if stream.eof else None


def _read_header(pack: bytes, position: int) -> tuple[int, int]:
    """The type of the object at a position, and where its data begin."""
    kind = pack[position] >> 4 & 7
    while pack[position] & 0x80:
        position += 1
    return kind, position + 1
