"""The trees of snapshots: that each can be understood, and which of them a bad object spoils."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.errors import Damaged
from layerctl.model.entry import Kind
from layerctl.model.listing import escape_name, escape_path, format_entry, parse_entry, unescape
from layerctl.model.recursion import deep_recursion
from layerctl.snapshot.directory import ENTRIES, HARDLINKS, parse_tree, tree_name
from layerctl.store.rawgit import MissingObject, RawGit

if TYPE_CHECKING:
    from layerctl.model.ids import ObjectId

_GOOD: frozenset[ObjectId] = frozenset()


class SnapshotReader:
    """Reads each tree once, however many snapshots share it.

    Args:
        git: where they are.
        thorough: parse every line, and not only look whether it is all there.
    """

    def __init__(self, git: RawGit, *, thorough: bool) -> None:
        self._git = git
        self._thorough = thorough
        self._below: dict[ObjectId, frozenset[ObjectId]] = {}
        #: what is wrong with each bad object.
        self.bad: dict[ObjectId, str] = {}

    def check(self, snapshot: ObjectId) -> frozenset[ObjectId]:
        """The bad objects that a snapshot consists of."""
        with deep_recursion():
            return self._tree(snapshot)

    def _tree(self, oid: ObjectId) -> frozenset[ObjectId]:
        if oid not in self._below:
            self._below[oid] = _GOOD  # no tree holds itself, but what is broken may say anything
            self._below[oid] = self._read(oid)
        return self._below[oid]

    def _read(self, oid: ObjectId) -> frozenset[ObjectId]:
        try:
            item = self._git.find(oid)
            if item.kind != "tree":
                raise Damaged(f"is a {item.kind}, not a tree")
            rows = parse_tree(item.data)
            _check_names(rows)
        except (Damaged, ValueError) as exc:
            return self._is_bad(oid, exc)
        found = _GOOD
        for name, child in rows:
            if name == ENTRIES:
                found |= self._blob(child, _check_entries)
            elif name == HARDLINKS:
                found |= self._blob(child, _check_hardlinks)
            else:
                found |= self._tree(child)
        return found

    def _blob(self, oid: ObjectId, check: object) -> frozenset[ObjectId]:
        if oid not in self._below:
            self._below[oid] = self._read_blob(oid, check)
        return self._below[oid]

    def _read_blob(self, oid: ObjectId, check: object) -> frozenset[ObjectId]:
        try:
            if not self._thorough:
                if not self._git.has(oid):
                    raise MissingObject("is missing")
                return _GOOD
            item = self._git.find(oid)
            if item.kind != "blob":
                raise Damaged(f"is a {item.kind}, not a blob")
            check(item.data)  # type: ignore[operator]
        except (Damaged, ValueError) as exc:
            return self._is_bad(oid, exc)
        return _GOOD

    def _is_bad(self, oid: ObjectId, exc: Exception) -> frozenset[ObjectId]:
        if isinstance(exc, MissingObject):
            self.bad[oid] = "is missing"
        else:
            self.bad[oid] = exc.message if isinstance(exc, Damaged) else "cannot be understood"
        return frozenset({oid})


def _check_names(rows: list[tuple[bytes, ObjectId]]) -> None:
    names = [name for name, _ in rows]
    if ENTRIES not in names:
        raise Damaged("has no listing of its directory")
    for name in names:
        if name not in (ENTRIES, HARDLINKS) and tree_name(unescape(name)) != name:
            raise Damaged(f"has an entry that is no directory's name: {name!r}")


def _check_entries(data: bytes) -> None:
    lines = data.removesuffix(b"\n").split(b"\n")
    last: bytes | None = None
    for number, line in enumerate(lines):
        name, _, text = line.partition(b" ")
        entry = parse_entry(text)
        if (number == 0) != (name == b".") or (number == 0) != (entry.kind is Kind.DIR):
            raise Damaged("has its directory's line in the wrong place")
        raw = unescape(name)
        if number and (escape_name(raw) != name or (last is not None and raw <= last)):
            raise Damaged(f"has a name out of order: {name!r}")
        if format_entry(entry) != text:
            raise Damaged(f"has a line that is not written as it must be: {line[:80]!r}")
        last = raw if number else None


def _check_hardlinks(data: bytes) -> None:
    for line in data.removesuffix(b"\n").split(b"\n"):
        paths = [unescape(word) for word in line.split(b" ")]
        if len(paths) < 2 or paths != sorted(set(paths)) or b" ".join(map(escape_path, paths)) != line:
            raise Damaged(f"has a group of hard links that is none: {line[:80]!r}")
