"""Snapshot × snapshot → changes. Costs what differs: equal subtrees have equal ids and are never opened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from layerctl.model.change import Change
from layerctl.model.listing import parse_entry
from layerctl.model.recursion import deep_recursion
from layerctl.snapshot.directory import Directory, load
from layerctl.snapshot.hardlinks import Groups, read_groups, relinked
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.ids import ObjectId
    from layerctl.model.scan import RootPath
    from layerctl.snapshot.objects import ObjectStore

_EMPTY = Directory(b"")


@frozen
class RawChange:
    """One path that differs, entries in text form.

    Attributes:
        path: relative to the rootfs.
        old: entry before, or None.
        new: entry after, or None.
        relinked: only the path's hard-link group differs.
    """

    path: RootPath
    old: bytes | None
    new: bytes | None
    relinked: bool = False

    def parsed(self) -> Change:
        """The change with its entries parsed."""
        return Change(
            self.path,
            parse_entry(self.old) if self.old is not None else None,
            parse_entry(self.new) if self.new is not None else None,
            self.relinked,
        )


@frozen
class Comparison:
    """All that differs between two snapshots.

    Attributes:
        changes: sorted by raw path bytes.
        new_links: hard-link groups of the new snapshot.
    """

    changes: tuple[RawChange, ...]
    new_links: Groups


def compare(objects: ObjectStore, old: ObjectId | None, new: ObjectId | None) -> Comparison:
    """Lists the paths that differ between two snapshots; None is the empty one."""
    before = load(objects, old) if old is not None else _EMPTY
    after = load(objects, new) if new is not None else _EMPTY
    new_links = read_groups(objects, after.hardlinks)
    if old == new:
        return Comparison((), new_links)
    with deep_recursion():
        changes = _by_path(_directory(objects, b"", before, after))
    if before.hardlinks is not None or new_links:
        old_links = read_groups(objects, before.hardlinks)
        changes |= _relinks(objects, after, old_links, new_links, changes)
    return Comparison(tuple(changes[path] for path in sorted(changes)), new_links)


def _by_path(found: Iterator[RawChange]) -> dict[RootPath, RawChange]:
    changes: dict[RootPath, RawChange] = {}
    for change in found:
        other = changes.get(change.path)
        if other is not None:  # a directory became something else, or the reverse: two finds, one path
            change = RawChange(change.path, change.old or other.old, change.new or other.new)
        changes[change.path] = change
    return changes


def _directory(objects: ObjectStore, path: RootPath, old: Directory, new: Directory) -> Iterator[RawChange]:
    if old.itself != new.itself:
        yield RawChange(path, old.itself or None, new.itself or None)
    prefix = path + b"/" if path else b""
    yield from _files(prefix, old, new)
    for name in old.dirs.keys() | new.dirs.keys():
        before, after = old.dirs.get(name), new.dirs.get(name)
        if before != after:
            yield from _directory(
                objects,
                prefix + name,
                load(objects, before) if before is not None else _EMPTY,
                load(objects, after) if after is not None else _EMPTY,
            )


def _files(prefix: bytes, old: Directory, new: Directory) -> Iterator[RawChange]:
    if old.files == new.files:
        return
    for name, text in new.files.items():
        before = old.files.get(name)
        if before != text:
            yield RawChange(prefix + name, before, text)
    for name, text in old.files.items():
        if name not in new.files:
            yield RawChange(prefix + name, text, None)


def _relinks(
    objects: ObjectStore, root: Directory, old: Groups, new: Groups, changes: dict[RootPath, RawChange]
) -> dict[RootPath, RawChange]:
    changed = {path for path, change in changes.items() if change.new is not None}
    deleted = changes.keys() - changed
    found = {}
    for group in relinked(old, new, changed, deleted):
        for path in group:
            text = text_at(objects, root, path)
            found[path] = RawChange(path, text, text, relinked=True)
    return found


def text_at(objects: ObjectStore, root: Directory, path: RootPath) -> bytes | None:
    """The text form of the entry at a path below a loaded directory, or None."""
    here = root
    *parents, last = path.split(b"/")
    for name in parents:
        child = here.dirs.get(name)
        if child is None:
            return None
        here = load(objects, child)
    if not last:
        return here.itself
    if last in here.dirs:
        return load(objects, here.dirs[last]).itself
    return here.files.get(last)
