"""Three snapshots → one: what changed from the first to the third, done to the second.

A path that only one side changed is that side's. One that both changed, and not in the same way, is a conflict. The
times of directories never are: every change in a directory moves them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from layerctl.model.listing import parse_entry
from layerctl.model.recursion import deep_recursion
from layerctl.model.scan import RootPath
from layerctl.snapshot.directory import Directory, load, save
from layerctl.snapshot.hardlinks import read_groups, write_groups
from layerctl.snapshot.walk import entry_text
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.ids import ObjectId
    from layerctl.snapshot.objects import ObjectStore

_Group = frozenset[RootPath]


@frozen
class Merge:
    """What came of it.

    Attributes:
        snapshot: the merged snapshot; where there is a conflict, it has our side.
        conflicts: paths that both sides changed, sorted.
    """

    snapshot: ObjectId
    conflicts: tuple[RootPath, ...]


def merge(objects: ObjectStore, base: ObjectId, ours: ObjectId, theirs: ObjectId) -> Merge:
    """Does to ``ours`` what leads from ``base`` to ``theirs``."""
    if base == ours:
        return Merge(theirs, ())
    if theirs in (base, ours):
        return Merge(ours, ())
    merger = _Merger(objects, base, ours, theirs)
    return Merge(merger.run(), tuple(sorted(merger.conflicts)))


@frozen
class _Node:
    """What a name is: a directory's tree, or the text of anything else."""

    tree: ObjectId | None = None
    text: bytes | None = None


class _Merger:
    def __init__(self, objects: ObjectStore, base: ObjectId, ours: ObjectId, theirs: ObjectId) -> None:
        self.conflicts: set[RootPath] = set()
        self._objects = objects
        self._trees = (base, ours, theirs)

    def run(self) -> ObjectId:
        base, ours, theirs = (load(self._objects, tree) for tree in self._trees)
        with deep_recursion():
            root = self._directory(b"", base, ours, theirs)
        assert root is not None
        root.hardlinks = None
        tree = save(self._objects, root)
        root.hardlinks = write_groups(self._objects, self._groups(tree, base, ours, theirs))
        return save(self._objects, root)

    def _directory(
        self, path: RootPath, base: Directory | None, ours: Directory | None, theirs: Directory | None
    ) -> Directory | None:
        """The merged directory; None if it is gone."""
        result = Directory(b"")
        sides = (base, ours, theirs)
        for name in {name for side in sides if side is not None for name in (*side.files, *side.dirs)}:
            place = path + b"/" + name if path else name
            found = self._node(place, *(_node(side, name) for side in sides))
            if found is not None and found.tree is not None:
                result.dirs[name] = found.tree
            elif found is not None and found.text is not None:
                result.files[name] = found.text
        itself = self._itself(path, *(side.itself if side is not None else None for side in sides))
        if itself is None and not result.files and not result.dirs:
            return None
        there = ours or theirs
        assert there is not None
        result.itself = itself or there.itself
        return result

    def _node(self, path: RootPath, base: _Node | None, ours: _Node | None, theirs: _Node | None) -> _Node | None:
        if ours == theirs or base == theirs:
            return ours
        if base == ours:
            return theirs
        if _is_plain(ours) or _is_plain(theirs) or (_is_plain(base) and (ours is None or theirs is None)):
            if not _differ_in_time_alone(ours, theirs):
                self.conflicts.add(path)
            return ours
        merged = self._directory(path, self._load(base), self._load(ours), self._load(theirs))
        return _Node(save(self._objects, merged)) if merged is not None else None

    def _load(self, node: _Node | None) -> Directory | None:
        return load(self._objects, node.tree) if node is not None and node.tree is not None else None

    def _itself(self, path: RootPath, base: bytes | None, ours: bytes | None, theirs: bytes | None) -> bytes | None:
        """The entry of a directory; None if one side removed it and the other left it as it was."""
        if ours is None or theirs is None:
            left = ours or theirs
            if base is not None and left is not None and _timeless(left) != _timeless(base):
                self.conflicts.add(path)
                return left
            return None
        if ours == theirs or base == theirs:
            return ours
        if base == ours or _timeless(ours) == _timeless(theirs):
            return theirs if base == ours else ours
        if base is not None and _timeless(base) == _timeless(ours):
            return theirs
        if base is None or _timeless(base) != _timeless(theirs):
            self.conflicts.add(path)
        return ours

    def _groups(
        self, tree: ObjectId, base: Directory, ours: Directory, theirs: Directory
    ) -> list[tuple[RootPath, ...]]:
        """Hard links: of each name, what the side that changed them says."""
        sides = [_by_path(read_groups(self._objects, side.hardlinks)) for side in (base, ours, theirs)]
        found: dict[tuple[_Group, bytes], list[RootPath]] = {}
        for path in sorted({path for side in sides for path in side}):
            text = entry_text(self._objects, tree, path)
            if text is None or text.startswith(b"type=dir "):
                continue
            before, mine, other = (self._group(side, root, path) for side, root in zip(sides, self._trees, strict=True))
            if mine not in (before, other) and other != before and mine is not None and other is not None:
                self.conflicts.add(path)
            group = mine if (before == other and mine is not None) or other is None else other
            group = mine if mine not in (before, None) else group
            if group is not None:
                found.setdefault((group, text), []).append(path)
        return [tuple(paths) for paths in found.values()]

    def _group(self, groups: Mapping[RootPath, _Group], tree: ObjectId, path: RootPath) -> _Group | None:
        """The names of the file at a path; None where there is none."""
        if path in groups:
            return groups[path]
        return frozenset({path}) if entry_text(self._objects, tree, path) is not None else None


def _node(side: Directory | None, name: bytes) -> _Node | None:
    if side is None:
        return None
    if name in side.dirs:
        return _Node(tree=side.dirs[name])
    return _Node(text=side.files[name]) if name in side.files else None


def _is_plain(node: _Node | None) -> bool:
    return node is not None and node.tree is None


def _differ_in_time_alone(one: _Node | None, other: _Node | None) -> bool:
    if one is None or other is None or one.text is None or other.text is None:
        return False
    return _timeless(one.text) == _timeless(other.text)


def _timeless(text: bytes) -> object:
    return parse_entry(text)._replace(mtime_ns=0)


def _by_path(groups: tuple[tuple[RootPath, ...], ...]) -> dict[RootPath, _Group]:
    return {path: frozenset(group) for group in groups for path in group}
