"""Which Git objects are stored where, and putting those that are needed into one pack.

libgit2 has no garbage collection: it writes packs, and says nothing about what is in which. That is read from the
packs' indexes. Source: Git's ``gitformat-pack(5)``, index version 2.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pygit2

from layerctl.errors import Damaged
from layerctl.model.ids import ObjectId
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.store.durable import Durability

_MAGIC = b"\xfftOc\0\0\0\2"
_HEADER = 8
_NAMES = _HEADER + 256 * 4
_OID = 20
_TRAILER = 20
_LARGE = 1 << 31
_FOLDER = re.compile(r"[0-9a-f]{2}\Z")
_LOOSE = re.compile(r"[0-9a-f]{38}\Z")


@frozen
class Loose:
    """An object in a file of its own.

    Attributes:
        path: the file.
        modified: when it was written, seconds since the epoch.
        size: bytes on disk.
    """

    path: Path
    modified: float
    size: int


@frozen
class Pack:
    """A pack.

    Attributes:
        path: the ``.pack`` file.
        modified: when it was written, seconds since the epoch.
        sizes: bytes in the pack, by object.
        pinned: somebody put a ``.keep`` file beside it.
    """

    path: Path
    modified: float
    sizes: dict[ObjectId, int]
    pinned: bool

    def files(self) -> Iterator[Path]:
        """The pack's files, the index, without which Git sees nothing, first."""
        for suffix in (".idx", ".rev", ".bitmap", ".mtimes", ".pack"):
            path = self.path.with_suffix(suffix)
            if path.exists():
                yield path


def loose_objects(objects: Path) -> Iterator[tuple[ObjectId, Loose]]:
    """Every loose object of a repository's ``objects`` folder."""
    for folder in sorted(os.listdir(objects)):
        if not _FOLDER.match(folder):
            continue
        with os.scandir(objects / folder) as found:
            for entry in found:
                if _LOOSE.match(entry.name):
                    status = entry.stat(follow_symlinks=False)
                    loose = Loose(Path(entry.path), status.st_mtime, status.st_blocks * 512)
                    yield ObjectId(bytes.fromhex(folder + entry.name)), loose


def packs(objects: Path) -> list[Pack]:
    """Every pack of a repository's ``objects`` folder.

    Raises:
        Damaged: an index cannot be read.
    """
    folder = objects / "pack"
    found = sorted(folder.glob("pack-*.idx")) if folder.is_dir() else []
    return [_read_pack(path) for path in found if path.with_suffix(".pack").exists()]


def unfinished(objects: Path) -> list[Path]:
    """Temporary files that killed processes left: layerctl's, libgit2's and Git's."""
    folder = objects / "pack"
    found = [*folder.glob("tmp_*"), *folder.glob("pack_git2_*"), *folder.glob(".tmp-*")] if folder.is_dir() else []
    return [*found, *objects.glob("tmp_obj*"), *objects.glob("[0-9a-f][0-9a-f]/tmp_obj_*")]


def pack_objects(repository: pygit2.Repository, wanted: Collection[ObjectId], durability: Durability) -> Path:
    """Writes a pack of objects that are stored, and makes it durable.

    Returns:
        The ``.pack`` file.

    Raises:
        Damaged: it does not hold what it should; nothing may be deleted then.
    """
    folder = Path(repository.path, "objects", "pack")

    def choose(builder: pygit2.PackBuilder) -> None:
        for oid in sorted(wanted):
            builder.add(pygit2.Oid(raw=oid))

    try:
        repository.pack(os.fspath(folder), pack_delegate=choose)
    except (pygit2.GitError, KeyError) as exc:
        raise Damaged(f"the Git objects cannot be packed: {exc}") from exc
    durability.sync_filesystem(folder)
    made = [pack for pack in packs(folder.parent) if pack.sizes.keys() == set(wanted)]
    if not made:
        raise Damaged("the new pack of Git objects does not hold what it should")
    return made[-1].path


def _read_pack(index: Path) -> Pack:
    data = index.read_bytes()
    if not data.startswith(_MAGIC):
        raise Damaged(f"the pack index {index} is of an unknown kind")
    (count,) = struct.unpack_from(">I", data, _NAMES - 4)
    names = [ObjectId(data[start : start + _OID]) for start in range(_NAMES, _NAMES + count * _OID, _OID)]
    offsets = struct.unpack_from(f">{count}I", data, _NAMES + count * (_OID + 4))
    large_at = _NAMES + count * (_OID + 8)
    places = [_place(data, large_at, offset) for offset in offsets]
    path = index.with_suffix(".pack")
    status = path.stat()
    return Pack(path, status.st_mtime, _sizes(names, places, status.st_size), index.with_suffix(".keep").exists())


def _place(data: bytes, large_at: int, offset: int) -> int:
    if offset < _LARGE:
        return offset
    (place,) = struct.unpack_from(">Q", data, large_at + 8 * (offset - _LARGE))
    return int(place)


def _sizes(names: list[ObjectId], places: list[int], size: int) -> dict[ObjectId, int]:
    """What lies between an object and the next one."""
    order = sorted(range(len(names)), key=places.__getitem__)
    ends = [*(places[index] for index in order[1:]), size - _TRAILER]
    return {names[index]: end - places[index] for index, end in zip(order, ends, strict=True)}
