"""Git objects that are not written yet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Protocol

from layerctl.model.ids import ObjectId


class Stored(Protocol):
    """What lies below staged objects."""

    def read(self, oid: ObjectId) -> bytes:
        """The raw bytes of an object."""

    def has(self, oid: ObjectId) -> bool:
        """Whether an object is stored."""

    def write_many(self, objects: list[tuple[ObjectId, bool, bytes]]) -> None:
        """Stores ``(id, is_tree, data)`` rows, none of which is stored yet."""


class StagedObjects:
    """New objects in memory, over those of a repository. Implements ``snapshot.objects.ObjectStore``.

    A status needs trees for its comparison and must leave nothing behind; a commit flushes them at once.

    Args:
        git: the repository below.
    """

    def __init__(self, git: Stored) -> None:
        self._git = git
        self._new: dict[ObjectId, tuple[bool, bytes]] = {}

    def read(self, oid: ObjectId) -> bytes:
        """The raw bytes of an object, staged or stored."""
        staged = self._new.get(oid)
        return staged[1] if staged is not None else self._git.read(oid)

    def write_blob(self, data: bytes) -> ObjectId:
        """Stages a blob."""
        return self._stage(False, b"blob %d\0" % len(data), data)

    def write_tree(self, data: bytes) -> ObjectId:
        """Stages a tree in canonical encoding."""
        return self._stage(True, b"tree %d\0" % len(data), data)

    def staged(self) -> Iterator[tuple[ObjectId, bool, bytes]]:
        """What is staged: ``(id, is_tree, data)``."""
        for oid, item in self._new.items():
            yield oid, *item

    def flush(self) -> None:
        """Writes what the repository does not have."""
        missing = [(oid, *item) for oid, item in self._new.items() if not self._git.has(oid)]
        self._git.write_many(missing)
        self._new.clear()

    def _stage(self, is_tree: bool, header: bytes, data: bytes) -> ObjectId:
        oid = ObjectId(hashlib.sha1(header + data, usedforsecurity=False).digest())
        self._new[oid] = (is_tree, data)
        return oid
