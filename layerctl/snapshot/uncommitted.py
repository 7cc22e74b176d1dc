"""Snapshot × write layer → changes, without making the snapshot that shows.

What ``compare(old, apply_scan(base, scan))`` finds, for who only wants to know: nothing is hashed, and the entries of
the write layer are compared as they are.
"""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

from layerctl.model.change import Change
from layerctl.model.entry import Entry, Kind
from layerctl.model.listing import parse_entry
from layerctl.model.recursion import deep_recursion
from layerctl.snapshot.compare import EMPTY, differing_below, text_at
from layerctl.snapshot.directory import IMPLIED_DIR, Directory, load
from layerctl.snapshot.hardlinks import merge_groups, read_groups, relinked_paths

if TYPE_CHECKING:
    from layerctl.model.ids import ObjectId
    from layerctl.model.scan import RootPath, Scan, ScanDir
    from layerctl.snapshot.objects import ObjectStore


def uncommitted(objects: ObjectStore, old: ObjectId, base: ObjectId, scan: Scan) -> tuple[Change, ...]:
    """Lists the paths at which a rootfs differs from a snapshot.

    Args:
        objects: where the snapshots are.
        old: the snapshot to compare with.
        base: the snapshot below the write layer; mostly the same one.
        scan: the write layer.

    Returns:
        The changes, sorted by raw path bytes. Files that are new, or of another size, have no digest: nobody needs it
        to tell that they differ.
    """
    before = load(objects, old)
    below = before if base == old else load(objects, base)
    walk = _Walk(objects)
    with deep_recursion():
        walk.itself(b"", before.itself, below, scan.root)
        walk.directory(b"", before, below, scan.root)
    walk.relinks(before, below, scan)
    walk.found.sort(key=_path)
    return tuple(walk.found)


def _path(change: Change) -> RootPath:
    return change.path


class _Walk:
    """One comparison.

    Attributes:
        found: what differs, unsorted.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self.found: list[Change] = []

    def itself(self, path: RootPath, before: bytes | None, below: Directory, layer: ScanDir) -> None:
        """Compares a directory's own entry with what the snapshot has there."""
        new = layer.entry or (parse_entry(below.itself) if below.itself else IMPLIED_DIR)
        self._put(path, before, new)

    def directory(self, prefix: RootPath, before: Directory, below: Directory, layer: ScanDir) -> None:
        """Compares what is in a directory of the write layer.

        Args:
            prefix: what stands before the names in it.
            before: the directory in the snapshot.
            below: the directory under the write layer; the same object as ``before`` where both are one.
            layer: the directory in the write layer.
        """
        named = layer.files.keys() | layer.dirs.keys()
        if below is not before or layer.opaque:
            hidden = below.files.keys() | below.dirs.keys() if layer.opaque else named | layer.whiteouts
            self._rest(prefix, _without(before, named), _without(below, hidden))
        elif layer.whiteouts:
            self._rest(prefix, _only(before, layer.whiteouts - named), EMPTY)
        files, dirs = before.files, before.dirs
        for name, entry in layer.files.items():
            path = prefix + name
            if name in dirs:
                gone = load(self._objects, dirs[name])
                self._put(path, gone.itself, entry)
                self._rest(path + b"/", gone, EMPTY)
            else:
                self._put(path, files.get(name), entry)
        lower_dirs = below.dirs if not layer.opaque else {}
        for name, child in layer.dirs.items():
            path = prefix + name
            old, lower = dirs.get(name), lower_dirs.get(name)
            was = load(self._objects, old) if old is not None else EMPTY
            lies_on = was if lower == old else load(self._objects, lower) if lower is not None else EMPTY
            self.itself(path, was.itself or files.get(name), lies_on, child)
            self.directory(path + b"/", was, lies_on, child)

    def relinks(self, before: Directory, below: Directory, scan: Scan) -> None:
        """Adds the paths of which only the hard links differ."""
        old = read_groups(self._objects, before.hardlinks)
        lower = old if below is before else read_groups(self._objects, below.hardlinks)
        new = merge_groups(lower, scan)
        changes = [(change.path, change.new is None) for change in self.found]
        for path in relinked_paths(old, new, changes):
            text = text_at(self._objects, before, path)
            assert text is not None  # nothing else about it differs
            entry = parse_entry(text)
            self.found.append(Change(path, entry, entry, relinked=True))

    def _put(self, path: RootPath, before: bytes | None, new: Entry | None) -> None:
        old = parse_entry(before) if before is not None else None
        if old == new:
            return
        if new and new.kind is Kind.FILE and not (old and old.kind is Kind.FILE and old.size == new.size):
            new = Entry(*new[:6], None, *new[7:])
        self.found.append(Change(path, old, new))

    def _rest(self, prefix: RootPath, before: Directory, after: Directory) -> None:
        """Compares what is in two directories of snapshots."""
        for path, old, new, _ in differing_below(self._objects, prefix, before, after):
            if old != new:
                self._put(path, old, parse_entry(new) if new is not None else None)


def _without(directory: Directory, names: Set[bytes]) -> Directory:
    return _only(directory, (directory.files.keys() | directory.dirs.keys()) - names)


def _only(directory: Directory, names: Set[bytes]) -> Directory:
    return Directory(
        directory.itself,
        {name: directory.files[name] for name in names & directory.files.keys()},
        {name: directory.dirs[name] for name in names & directory.dirs.keys()},
    )
