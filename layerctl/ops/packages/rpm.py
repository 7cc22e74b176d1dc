"""rpm's database in its SQLite form.

Each row of the table ``Packages`` is a header: two lengths, an index of ``(tag, type, offset, count)`` with 16 bytes an
entry, and data; all big-endian. Source: rpm's "Package Format", "Header structure".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing

_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH = 1000, 1001, 1002, 1003, 1022
_INT32, _STRING, _I18N = 4, 6, 9


def read_rpm(content: bytes) -> Iterator[tuple[str, str, str]]:
    """Name, ``[epoch:]version-release`` and architecture of each package.

    Raises:
        ValueError: it is no such database.
    """
    for blob in _rows(content):
        tags = _tags(blob)
        epoch = f"{tags[_EPOCH]}:" if _EPOCH in tags else ""
        yield str(tags[_NAME]), f"{epoch}{tags[_VERSION]}-{tags[_RELEASE]}", str(tags.get(_ARCH, ""))


def _rows(content: bytes) -> list[bytes]:
    import sqlite3  # noqa: PLC0415 - only rpm needs it, and some Pythons are built without

    image = bytearray(content)
    image[18:20] = b"\1\1"  # a database in WAL mode cannot be opened in memory; without its log it is an ordinary one
    try:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.deserialize(bytes(image))
            return [bytes(row[0]) for row in connection.execute("SELECT blob FROM Packages ORDER BY hnum")]
    except sqlite3.Error as exc:
        raise ValueError(str(exc)) from exc


def _tags(blob: bytes) -> dict[int, str | int]:
    try:
        count, _ = struct.unpack_from(">II", blob)
        data = 8 + 16 * count
        found: dict[int, str | int] = {}
        for index in range(count):
            tag, kind, offset, _ = struct.unpack_from(">IIII", blob, 8 + 16 * index)
            if tag in (_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH):
                found[tag] = _value(blob, kind, data + offset)
        return found
    except struct.error as exc:
        raise ValueError("a header is cut off") from exc


def _value(blob: bytes, kind: int, offset: int) -> str | int:
    if kind == _INT32:
        return int(struct.unpack_from(">I", blob, offset)[0])
    if kind in (_STRING, _I18N):
        return blob[offset : blob.index(b"\0", offset)].decode("utf-8", "replace")
    raise ValueError(f"a header has a value of type {kind}")
