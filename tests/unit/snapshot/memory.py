"""Git objects in a dictionary: the other implementation of ``ObjectStore``."""

from __future__ import annotations

import hashlib

from layerctl.errors import Damaged
from layerctl.model.ids import ObjectId


class MemoryObjects:
    """Blobs and trees by id; counts what is read.

    Attributes:
        data: every object written.
        reads: ids read, in order.
    """

    def __init__(self) -> None:
        self.data: dict[ObjectId, bytes] = {}
        self.reads: list[ObjectId] = []

    def read(self, oid: ObjectId) -> bytes:
        self.reads.append(oid)
        try:
            return self.data[oid]
        except KeyError as exc:
            raise Damaged(oid.hex()) from exc

    def write_blob(self, data: bytes) -> ObjectId:
        return self._write(b"blob", data)

    def write_tree(self, data: bytes) -> ObjectId:
        return self._write(b"tree", data)

    def _write(self, kind: bytes, data: bytes) -> ObjectId:
        header = kind + b" %d\0" % len(data)
        oid = ObjectId(hashlib.sha1(header + data, usedforsecurity=False).digest())
        self.data[oid] = data
        return oid
