"""Unpacking bytes into a directory, as the sources do it."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from layerctl.layer.budget import Budget
from layerctl.layer.unpack import unpack
from layerctl.layer.xattrs import XattrNamespace
from layerctl.model.imports import ImportLimits
from layerctl.model.scan import Scan


def unpack_into(
    root: Path, data: bytes, *, whiteouts: bool = False, limits: ImportLimits | None = None, **options: Any
) -> Scan:
    """Makes ``root`` and unpacks an uncompressed archive there."""
    root.mkdir()
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    options = {"namespace": XattrNamespace.TRUSTED, "budget": Budget(limits or ImportLimits()), **options}
    try:
        return unpack(io.BytesIO(data), fd, whiteouts=whiteouts, **options)
    finally:
        os.close(fd)


def raw_header(name: bytes, *, size: int = 0, kind: bytes = b"0", **fields: bytes) -> bytes:
    """One header block, every field as given, with a right checksum."""
    block = bytearray(512)
    values = {
        "name": name,
        "mode": b"0000644\0",
        "uid": b"0000000\0",
        "gid": b"0000000\0",
        "size": b"%011o\0" % size,
        "mtime": b"14000000000\0",
        "kind": kind,
        "magic": b"ustar\x0000",
        **fields,
    }
    for key, value in values.items():
        start, length = _FIELDS[key]
        assert len(value) <= length, key
        block[start : start + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def pax(*records: tuple[bytes, bytes], kind: bytes = b"x") -> bytes:
    """A PAX extension header with its records, padded."""
    payload = b"".join(_record(key, value) for key, value in records)
    return raw_header(b"pax", size=len(payload), kind=kind) + padded(payload)


def padded(data: bytes) -> bytes:
    """Data as it stands in an archive."""
    return data + bytes(-len(data) % 512)


#: The end marker.
END = bytes(1024)

_FIELDS = {
    "name": (0, 100),
    "mode": (100, 8),
    "uid": (108, 8),
    "gid": (116, 8),
    "size": (124, 12),
    "mtime": (136, 12),
    "kind": (156, 1),
    "linkname": (157, 100),
    "magic": (257, 8),
    "major": (329, 8),
    "minor": (337, 8),
    "prefix": (345, 155),
}


def _record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    size = len(body) + 1
    while len(b"%d" % size) + len(body) != size:
        size = len(b"%d" % size) + len(body)
    return b"%d" % size + body
