"""A Git repository that may be damaged, read file by file.

:class:`layerctl.store.git.GitRepository` needs a repository that libgit2 opens, and libgit2 passes over what it cannot
read: a pack without an index is no pack, a ref with a bad line no ref. Here everything is looked at, every object's
hash is computed, and only the inside of packs is left to libgit2.
Source: Git's ``gitrepository-layout(5)`` and ``gitformat-pack(5)``.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

import pygit2
from pygit2.enums import ObjectType

from layerctl.errors import Damaged
from layerctl.model.ids import ObjectId
from layerctl.store import objectformat
from layerctl.values import frozen

_FOLDER = re.compile(r"[0-9a-f]{2}\Z")
_REST = re.compile(r"[0-9a-f]{38}\Z")
_HEX = re.compile(r"[0-9a-f]{40}\Z")
_HEADER = re.compile(rb"(blob|tree|commit|tag) (\d+)\Z")
_TYPES = {ObjectType.COMMIT: "commit", ObjectType.TREE: "tree", ObjectType.BLOB: "blob", ObjectType.TAG: "tag"}
_INDEX_MAGIC = b"\xfftOc\0\0\0\2"
_CHUNK = 1 << 20


class MissingObject(Damaged):
    """There is no such Git object at all."""

    name = "damaged"


@frozen
class RawObject:
    """An object as it is stored.

    Attributes:
        kind: ``blob``, ``tree``, ``commit`` or ``tag``.
        data: its content.
    """

    kind: str
    data: bytes


@frozen
class RawCommit:
    """What a commit's header says."""

    tree: ObjectId
    parents: tuple[str, ...]


def object_id(item: RawObject) -> ObjectId:
    """The id of an object."""
    return objectformat.object_id(item.kind, item.data)


def parse_commit(data: bytes) -> RawCommit:
    """Reads a commit's header.

    Raises:
        Damaged: it is malformed.
    """
    head, _, _ = data.partition(b"\n\n")
    lines = head.decode("utf-8", "replace").split("\n")
    trees = [line[5:] for line in lines if line.startswith("tree ")]
    parents = tuple(line[7:] for line in lines if line.startswith("parent "))
    people = [line.split(" ", 1)[0] for line in lines if line.startswith(("author ", "committer "))]
    if len(trees) != 1 or people != ["author", "committer"] or not all(map(_HEX.match, (*trees, *parents))):
        raise Damaged("the header is malformed")
    return RawCommit(ObjectId(bytes.fromhex(trees[0])), parents)


def parse_tag(data: bytes) -> tuple[str, str]:
    """The id and the type of what an annotated tag names.

    Raises:
        Damaged: it is malformed.
    """
    match = re.match(rb"object ([0-9a-f]{40})\ntype (commit|tree|blob|tag)\ntag ", data)
    if match is None:
        raise Damaged("the header is malformed")
    return match[1].decode(), match[2].decode()


class RawGit:
    """The object database of a repository that may be damaged. Implements reading of ``snapshot.objects.ObjectStore``.

    Args:
        path: the bare repository.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._objects = path / "objects"
        self._packed = pygit2.Odb()
        if (self._objects / "pack").is_dir():
            self._packed.add_backend(pygit2.OdbBackendPack(str(self._objects)), 1)

    # objects

    def has(self, oid: ObjectId) -> bool:
        """Whether there is an object of that id, whole or not."""
        return self.loose_path(oid).exists() or pygit2.Oid(raw=oid) in self._packed

    def read(self, oid: ObjectId) -> bytes:
        """The content of an object, whatever its type."""
        return self.find(oid).data

    def find(self, oid: ObjectId) -> RawObject:
        """An object whose hash is right.

        Raises:
            MissingObject: there is none.
            Damaged: it is broken.
        """
        problem: Damaged = MissingObject(f"the Git object {oid.hex()} is missing")
        for attempt in (self.read_loose, self.read_packed):
            try:
                return attempt(oid)
            except MissingObject:
                continue
            except Damaged as exc:
                problem = exc
        raise problem

    def write_blob(self, data: bytes) -> ObjectId:
        """Not for what may be damaged: stage new objects."""
        raise NotImplementedError

    def write_tree(self, data: bytes) -> ObjectId:
        """Not for what may be damaged: stage new objects."""
        raise NotImplementedError

    def loose_path(self, oid: ObjectId) -> Path:
        """Where an object is if it is a file of its own."""
        return self._objects / oid.hex()[:2] / oid.hex()[2:]

    def loose(self) -> Iterator[ObjectId]:
        """All objects that are files of their own."""
        for folder in _names(self._objects):
            if _FOLDER.match(folder):
                for name in _names(self._objects / folder):
                    if _REST.match(name):
                        yield ObjectId(bytes.fromhex(folder + name))

    def read_loose(self, oid: ObjectId) -> RawObject:
        """An object from a file of its own.

        Raises:
            MissingObject: there is no such file.
            Damaged: it is broken.
        """
        try:
            packed = self.loose_path(oid).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise MissingObject(f"the Git object {oid.hex()} is missing") from exc
        except OSError as exc:
            raise Damaged(f"cannot be read: {exc.strerror}") from exc
        return _verified(oid, _inflate(packed))

    def write_many(self, objects: list[tuple[ObjectId, bool, bytes]]) -> None:
        """Writes objects, each as a file of its own. Nothing is synced."""
        for _, is_tree, data in objects:
            self.write_loose(RawObject("tree" if is_tree else "blob", data))

    def write_loose(self, item: RawObject) -> None:
        """Writes an object as a file of its own, over whatever has that name. Nothing is synced."""
        path = self.loose_path(object_id(item))
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_name(f"tmp_obj_{secrets.token_hex(4)}")
        temporary.write_bytes(zlib.compress(f"{item.kind} {len(item.data)}\0".encode() + item.data))
        temporary.chmod(0o444)
        os.rename(temporary, path)

    def read_packed(self, oid: ObjectId) -> RawObject:
        """An object from a pack.

        Raises:
            MissingObject: no pack has it.
            Damaged: it is broken.
        """
        return _read(self._packed, oid)

    # packs

    def packs(self) -> list[str]:
        """Names of all packs, without suffix, whether they have an index or are one."""
        found = {name.rpartition(".")[0] for name in _names(self._objects / "pack") if name.endswith((".pack", ".idx"))}
        return sorted(found)

    def pack_path(self, name: str, suffix: str) -> Path:
        """The file of a pack."""
        return self._objects / "pack" / f"{name}{suffix}"

    def pack_objects(self, name: str) -> list[ObjectId]:
        """The ids that a pack's index lists; nothing if there is no index that can be read."""
        try:
            data = self.pack_path(name, ".idx").read_bytes()
        except OSError:
            return []
        count = int.from_bytes(data[8 + 255 * 4 : 8 + 256 * 4])
        start = 8 + 256 * 4
        if not data.startswith(_INDEX_MAGIC) or len(data) < start + count * 28 + 40:
            return []
        return [ObjectId(data[place : place + 20]) for place in range(start, start + 20 * count, 20)]

    def salvage(self, name: str, scratch: Path) -> list[RawObject]:
        """What can be read of a pack with its index, even if they do not match their checksums.

        libgit2 opens a pack only if its checksum is the one that the index names, so a copy is given that.

        Args:
            name: the pack's.
            scratch: an empty folder.
        """
        objects = self.pack_objects(name)
        try:
            index = self.pack_path(name, ".idx").read_bytes()
            pack = scratch / "pack" / f"{name}.pack"
            pack.parent.mkdir()
            shutil.copyfile(self.pack_path(name, ".pack"), pack)
            with pack.open("r+b") as file:
                file.seek(-20, os.SEEK_END)
                file.write(index[-40:-20])
            pack.with_suffix(".idx").write_bytes(index)
            copy = pygit2.Odb()
            copy.add_backend(pygit2.OdbBackendPack(str(scratch)), 1)
        except (OSError, pygit2.GitError):
            return []
        return [item for oid in objects if (item := _read_or_none(copy, oid)) is not None]

    def has_whole_index(self, name: str) -> bool:
        """Whether a pack's index is what was written."""
        path = self.pack_path(name, ".idx")
        return path.is_file() and _has_trailer(path)

    def check_pack(self, name: str) -> None:
        """Compares the checksums of a pack and its index with their content.

        Raises:
            Damaged: one of them is missing or not what it was.
        """
        for suffix in (".pack", ".idx"):
            path = self.pack_path(name, suffix)
            if not path.is_file():
                raise Damaged(f"its {suffix} file is missing")
            if not _has_trailer(path):
                raise Damaged(f"its {suffix} file does not match its checksum")
        if _tail(self.pack_path(name, ".pack"), 20) != _tail(self.pack_path(name, ".idx"), 40)[:20]:
            raise Damaged("its index belongs to another pack")


def _read(packed: pygit2.Odb, oid: ObjectId) -> RawObject:
    if pygit2.Oid(raw=oid) not in packed:
        raise MissingObject(f"the Git object {oid.hex()} is missing")
    try:
        kind, data = packed.read(pygit2.Oid(raw=oid))
    except (KeyError, pygit2.GitError) as exc:
        raise Damaged("cannot be unpacked") from exc
    return _verified(oid, RawObject(_TYPES.get(kind, "?"), bytes(data)))


def _read_or_none(packed: pygit2.Odb, oid: ObjectId) -> RawObject | None:
    try:
        return _read(packed, oid)
    except Damaged:
        return None


def _inflate(packed: bytes) -> RawObject:
    try:
        stream = zlib.decompressobj()
        data = stream.decompress(packed)
    except zlib.error as exc:
        raise Damaged("cannot be unpacked") from exc
    header, _, content = data.partition(b"\0")
    match = _HEADER.match(header)
    if match is None or int(match[2]) != len(content) or not stream.eof or stream.unused_data:
        raise Damaged("is cut, or has something after its end")
    return RawObject(match[1].decode(), content)


def _verified(oid: ObjectId, item: RawObject) -> RawObject:
    if object_id(item) != oid:
        raise Damaged("does not match its id")
    return item


def _has_trailer(path: Path) -> bool:
    """Whether a file ends in the SHA-1 of what is before."""
    digest = hashlib.sha1(usedforsecurity=False)
    left = path.stat().st_size - 20
    if left < 0:
        return False
    with path.open("rb") as file:
        while left and (data := file.read(min(left, _CHUNK))):
            digest.update(data)
            left -= len(data)
        return file.read() == digest.digest()


def _tail(path: Path, count: int) -> bytes:
    with path.open("rb") as file:
        file.seek(-count, os.SEEK_END)
        return file.read()


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
