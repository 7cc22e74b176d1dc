"""Git's object database as files: loose objects and packs.

What Git may add besides (alternates, other versions of the index) is left to libgit2: see
:class:`layerctl.store.git.GitRepository`. Loading that takes longer than most verbs work.
Source: Git's ``gitrepository-layout(5)``.
"""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Damaged
from layerctl.store.objectformat import object_id
from layerctl.store.packfile import PackFile

if TYPE_CHECKING:
    from layerctl.model.ids import ObjectId

_HEADER = re.compile(rb"(blob|tree|commit|tag) (\d+)\0")


class Objects:
    """Loose and packed objects.

    Args:
        folder: the repository's ``objects``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = os.fspath(folder)
        self._packs: list[PackFile] | None = None
        self._strange = os.path.exists(f"{self._folder}/info/alternates")

    def read(self, oid: ObjectId) -> tuple[str, bytes] | None:
        """Type and content of an object; None if it is not among what is understood here.

        Raises:
            Damaged: it is broken, wherever it is.
        """
        problem = None
        for attempt in (self._read_packed, self._read_loose, self._read_packed_anew):
            try:
                found = attempt(oid)
            except Damaged as exc:
                problem = exc
                continue
            if found is not None:
                return found
        if problem is not None:
            raise problem
        return None

    def has(self, oid: ObjectId) -> bool | None:
        """Whether an object is stored; None if that cannot be told here."""
        if any(pack.find(oid) is not None for pack in self._known_packs()) or os.path.exists(self._loose(oid)):
            return True
        return None if self._strange else False

    def write(self, kind: str, data: bytes) -> ObjectId:
        """Stores an object as a file of its own, unless it is there. Nothing is synced.

        Args:
            kind: ``blob``, ``tree``, ``commit`` or ``tag``.
            data: its content.
        """
        oid = object_id(kind, data)
        if self.has(oid):
            return oid
        path = self._loose(oid)
        folder = os.path.dirname(path)
        temporary = f"{folder}/tmp_obj_{os.urandom(8).hex()}"
        packed = zlib.compress(b"%s %d\0" % (kind.encode(), len(data)) + data, 1)
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
        except FileNotFoundError:
            os.makedirs(folder, exist_ok=True)
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
        try:
            with open(fd, "wb") as file:
                file.write(packed)
            os.rename(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return oid

    def look_again(self) -> None:
        """Notices packs that were made since."""
        self._packs = None

    def _loose(self, oid: ObjectId) -> str:
        name = oid.hex()
        return f"{self._folder}/{name[:2]}/{name[2:]}"

    def _read_loose(self, oid: ObjectId) -> tuple[str, bytes] | None:
        try:
            with open(self._loose(oid), "rb") as file:
                packed = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            data = zlib.decompress(packed)
        except zlib.error as exc:
            raise Damaged(f"Git object {oid.hex()} is broken") from exc
        match = _HEADER.match(data)
        if match is None or int(match[2]) != len(data) - match.end():
            raise Damaged(f"Git object {oid.hex()} is broken")
        return match[1].decode(), data[match.end() :]

    def _read_packed_anew(self, oid: ObjectId) -> tuple[str, bytes] | None:
        """Somebody may have packed it a moment ago."""
        self.look_again()
        return self._read_packed(oid)

    def _read_packed(self, oid: ObjectId) -> tuple[str, bytes] | None:
        packs = self._known_packs()
        for number, pack in enumerate(packs):
            found = pack.read(oid)
            if found is not None:
                if number:  # the next object is likely to be in the same one
                    packs.insert(0, packs.pop(number))
                return found
        return None

    def _known_packs(self) -> list[PackFile]:
        if self._packs is None:
            self._packs = []
            folder = Path(self._folder, "pack")
            for name in sorted(_names(folder)):
                if name.endswith(".idx") and (folder / name).with_suffix(".pack").exists():
                    self._add(folder / name)
        return self._packs

    def _add(self, index: Path) -> None:
        try:
            pack = PackFile(index)
        except Damaged:
            self._strange = True
        else:
            assert self._packs is not None
            self._packs.append(pack)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
