"""One path in many snapshots: what is there, and whether two snapshots differ there.

Costs what leads to the path. A tree is read only where two snapshots have different ones, and a listing only where
the listings differ, so a commit that changed something else is told by one or two trees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from layerctl.model.listing import escape_name
from layerctl.snapshot.directory import Directory, Rows, load, load_rows
from layerctl.snapshot.hardlinks import Groups, read_groups, relinked

if TYPE_CHECKING:
    from layerctl.model.ids import ObjectId
    from layerctl.model.scan import RootPath
    from layerctl.snapshot.objects import ObjectStore

_KEEP = 64


class Place(NamedTuple):
    """What a snapshot has at a path. Equal places are equal in everything at and below them but hard links.

    Attributes:
        tree: of a directory, its tree.
        text: of anything else, its entry in text form.
    """

    tree: ObjectId | None = None
    text: bytes | None = None


NOTHING = Place()


class Places:
    """Looks paths up in the snapshots of one repository.

    Args:
        objects: where the snapshots are.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._rows_of: Callable[[ObjectId], Rows] = lru_cache(_KEEP)(lambda tree: load_rows(objects, tree))
        self._groups_in: Callable[[ObjectId], Groups] = lru_cache(_KEEP)(lambda blob: read_groups(objects, blob))

    def at(self, snapshot: ObjectId, path: RootPath) -> Place:
        """What a snapshot has at a path; :data:`NOTHING` if nothing."""
        here = Place(snapshot)
        for name in path.split(b"/") if path else ():
            here = self._child(here, name)
        return here

    def entry(self, snapshot: ObjectId, path: RootPath) -> bytes | None:
        """The entry at a path in text form, a directory's own too; None if there is nothing."""
        place = self.at(snapshot, path)
        if place.tree is None:
            return place.text
        return self.directory(place.tree).itself

    def directory(self, tree: ObjectId) -> Directory:
        """A directory with its listing."""
        return load(self._objects, tree)

    def members(self, tree: ObjectId) -> dict[bytes, Place]:
        """What a directory holds, by raw name."""
        found = self.directory(tree)
        files = {name: Place(text=text) for name, text in found.files.items()}
        return files | {name: Place(child) for name, child in found.dirs.items()}

    def differs(self, old: ObjectId, new: ObjectId, path: RootPath) -> bool:
        """Whether two snapshots differ in anything at or below a path, hard links too."""
        return not self.equal(old, new, path) or bool(self.relinked(old, new, path))

    def equal(self, old: ObjectId, new: ObjectId, path: RootPath) -> bool:
        """Whether two snapshots have the same place at a path; stops at the first directory that is the same."""
        here, there = Place(old), Place(new)
        for name in path.split(b"/") if path else ():
            if here == there or self._same_listing(here, there, name):
                return True
            here, there = self._child(here, name), self._child(there, name)
        return here == there

    def relinked(self, old: ObjectId, new: ObjectId, path: RootPath) -> set[RootPath]:
        """Paths at or below one whose hard links differ although nothing else about them does."""
        if self._rows_of(old).hardlinks == self._rows_of(new).hardlinks:
            return set()
        before, after = self._groups_of(old), self._groups_of(new)
        after = tuple(group for group in after if _meets(group, path))
        members = {member for group in after for member in group}
        before = tuple(group for group in before if _meets(group, path) or not members.isdisjoint(group))
        members |= {member for group in before for member in group}
        entries = {member: (self.entry(old, member), self.entry(new, member)) for member in members}
        deleted = {member for member, (_, now) in entries.items() if now is None}
        changed = {member for member, (was, now) in entries.items() if was != now} - deleted
        found = relinked(before, after, changed, deleted)
        return {member for group in found for member in group if _is_below(member, path)}

    def _child(self, place: Place, name: bytes) -> Place:
        if place.tree is None:
            return NOTHING
        rows = self._rows_of(place.tree)
        if name in rows.dirs:
            return Place(rows.dirs[name])
        return Place(text=_line(self._objects.read(rows.entries), name))

    def _same_listing(self, here: Place, there: Place, name: bytes) -> bool:
        """Whether a name is the same in two different directories because both have the same listing of files."""
        if here.tree is None or there.tree is None:
            return False
        old, new = self._rows_of(here.tree), self._rows_of(there.tree)
        return old.entries == new.entries and name not in old.dirs and name not in new.dirs

    def _groups_of(self, snapshot: ObjectId) -> Groups:
        blob = self._rows_of(snapshot).hardlinks
        return self._groups_in(blob) if blob is not None else ()


def _line(listing: bytes, name: bytes) -> bytes | None:
    """The entry of a name in a listing; names are short, listings may be long."""
    start = listing.find(b"\n%s " % escape_name(name))
    if start < 0:
        return None
    end = listing.find(b"\n", start + 1)
    return listing[start + 1 : end].partition(b" ")[2]


def _meets(group: Iterable[RootPath], path: RootPath) -> bool:
    return any(_is_below(member, path) for member in group)


def _is_below(member: RootPath, path: RootPath) -> bool:
    return not path or member == path or member.startswith(path + b"/")
