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

from layerctl.model.ids import ObjectId

_TREE, _BLOB = 2, 3
_LEVEL = 1
_LARGE = 1 << 31


def write_pack(folder: Path, objects: Iterable[tuple[ObjectId, bool, bytes]]) -> None:
    """Writes a pack and its index; the index, without which Git sees nothing, comes last.

    Nothing is synced.

    Args:
        folder: the repository's ``objects/pack``.
        objects: ``(id, is_tree, data)``, each id once.
    """
    rows = sorted(objects)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"tmp_pack_{os.getpid()}"
    temporary.unlink(missing_ok=True)  # of a killed process that had our number
    try:
        places, checksum = _write_objects(temporary, rows)
        name = hashlib.sha1(b"".join(oid for oid, _, _ in rows), usedforsecurity=False).hexdigest()
        os.chmod(temporary, 0o444)
        os.rename(temporary, folder / f"pack-{name}.pack")
        _write_file(temporary, _index([oid for oid, _, _ in rows], places, checksum))
        os.rename(temporary, folder / f"pack-{name}.idx")
    finally:
        temporary.unlink(missing_ok=True)


def _write_objects(path: Path, rows: list[tuple[ObjectId, bool, bytes]]) -> tuple[list[tuple[int, int]], bytes]:
    """Writes the pack; returns each object's offset and CRC-32, and the pack's checksum."""
    places = []
    header = b"PACK" + struct.pack(">II", 2, len(rows))
    digest = hashlib.sha1(header, usedforsecurity=False)
    offset = len(header)
    with path.open("xb") as file:
        file.write(header)
        for _, is_tree, data in rows:
            packed = _object_header(_TREE if is_tree else _BLOB, len(data)) + zlib.compress(data, _LEVEL)
            places.append((offset, zlib.crc32(packed)))
            offset += len(packed)
            digest.update(packed)
            file.write(packed)
        file.write(digest.digest())
    return places, digest.digest()


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
