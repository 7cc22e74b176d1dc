"""Git objects that are not written yet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from layerctl.model.ids import ObjectId

if TYPE_CHECKING:
    from layerctl.store.git import GitRepository
    from layerctl.store.pack import PackWriter

_IN_MEMORY = 4 << 20


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
        self._git.write_many(self._missing())
        self._new.clear()

    def _stage(self, is_tree: bool, header: bytes, data: bytes) -> ObjectId:
        oid = ObjectId(hashlib.sha1(header + data, usedforsecurity=False).digest())
        self._new[oid] = (is_tree, data)
        return oid

    def _missing(self) -> list[tuple[ObjectId, bool, bytes]]:
        return [row for row in self.staged() if not self._git.has(row[0])]


class SpillingObjects(StagedObjects):
    """Staged objects that go into an unfinished pack when they become many: an import's would fill the memory.

    Use it in a ``with`` block, which takes back what was not flushed.

    Args:
        git: the repository below.
    """

    def __init__(self, git: GitRepository) -> None:
        super().__init__(git)
        self._repository = git
        self._size = 0
        self._pack: PackWriter | None = None

    def __enter__(self) -> SpillingObjects:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pack is not None:
            self._pack.close()

    def read(self, oid: ObjectId) -> bytes:
        """The raw bytes of an object, staged, spilled or stored."""
        spilled = self._pack.read(oid) if self._pack is not None else None
        return spilled if spilled is not None else super().read(oid)

    def flush(self) -> None:
        """Writes what the repository does not have."""
        if self._pack is None:
            super().flush()
            return
        self._spill(self._pack)
        self._repository.finish_pack(self._pack)
        self._pack = None

    def _stage(self, is_tree: bool, header: bytes, data: bytes) -> ObjectId:
        oid = super()._stage(is_tree, header, data)
        self._size += len(data)
        if self._size > _IN_MEMORY:
            self._pack = self._pack or self._repository.begin_pack()
            self._spill(self._pack)
        return oid

    def _spill(self, pack: PackWriter) -> None:
        for oid, is_tree, data in self._missing():
            pack.add(oid, is_tree, data)
        self._new.clear()
        self._size = 0
