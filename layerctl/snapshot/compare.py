"""Snapshot × snapshot → changes. Costs what differs: equal subtrees have equal ids and are never opened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from layerctl.model.change import Change
from layerctl.model.listing import parse_entry
from layerctl.model.scan import RootPath, in_path_order
from layerctl.snapshot.directory import Directory, load
from layerctl.snapshot.hardlinks import Groups, read_groups, relinked_paths
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.ids import ObjectId
    from layerctl.snapshot.objects import ObjectStore

#: A directory that is not there.
EMPTY = Directory(b"")


class RawChange(NamedTuple):
    """One path that differs, entries in text form.

    A ``NamedTuple`` for the reason that :class:`layerctl.model.entry.Entry` is one.

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

    @property
    def differs(self) -> bool:
        """False for a directory that is only on the way to what differs."""
        return self.relinked or self.old != self.new

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
    before, after = _loaded(objects, old), _loaded(objects, new)
    new_links = read_groups(objects, after.hardlinks)
    if old == new:
        return Comparison((), new_links)
    found = [change for change in _walk(objects, before, after) if change.differs]
    relinks = _relinks(objects, before, after, found)
    return Comparison(tuple(sorted((*found, *relinks)) if relinks else found), new_links)


def differing(objects: ObjectStore, old: ObjectId | None, new: ObjectId) -> Iterator[RawChange]:
    """What differs between two snapshots, as :func:`compare` finds it, without all of it in memory.

    Yields:
        The root, the paths that differ and the directories above them, even what of these is as it was; sorted by raw
        path bytes.
    """
    before, after = _loaded(objects, old), _loaded(objects, new)
    relinks = _relinks(objects, before, after, _walk(objects, before, after))
    if not relinks:
        yield from _walk(objects, before, after)
        return
    above = {parent for change in relinks for parent in _parents(change.path)}
    unchanged = [RawChange(path, text, text) for path in above if (text := text_at(objects, after, path)) is not None]
    last = None
    for change in merge(_walk(objects, before, after), sorted((*unchanged, *relinks)), key=itemgetter(0)):
        if change.path != last:
            yield change
        last = change.path


def _loaded(objects: ObjectStore, oid: ObjectId | None) -> Directory:
    return load(objects, oid) if oid is not None else EMPTY


def _walk(objects: ObjectStore, before: Directory, after: Directory) -> Iterator[RawChange]:
    """Every path whose entry differs, and every directory in which something does, sorted by raw path bytes."""
    yield RawChange(b"", before.itself or None, after.itself or None)
    yield from differing_below(objects, b"", before, after)


def differing_below(objects: ObjectStore, prefix: RootPath, before: Directory, after: Directory) -> Iterator[RawChange]:
    """What differs in two directories, themselves left out; hard links are not looked at.

    Args:
        objects: where their subdirectories are.
        prefix: what stands before the names in them.
        before: a directory.
        after: another one.
    """
    levels = [_Level(prefix, before, after)]
    while levels:
        level = levels[-1]
        for step in level.steps:  # an iterator, which goes on where it was left
            if step.endswith(b"/"):
                levels.append(level.below(step))
                break
            yield level.change(objects, step)
        else:
            levels.pop()


class _Level:
    """A directory before and after, on the way through what differs in it.

    Attributes:
        steps: names of what differs; see :func:`layerctl.model.scan.in_path_order`.
    """

    __slots__ = ("_dirs", "_new", "_old", "_prefix", "steps")

    def __init__(self, prefix: RootPath, old: Directory, new: Directory) -> None:
        self._prefix = prefix
        self._old = old
        self._new = new
        self._dirs: dict[bytes, tuple[Directory, Directory] | None] = {
            name: None for name in old.dirs.keys() | new.dirs.keys() if old.dirs.get(name) != new.dirs.get(name)
        }
        files = _differing_files(old, new) - self._dirs.keys()
        self.steps = iter(in_path_order(files, self._dirs))

    def change(self, objects: ObjectStore, name: bytes) -> RawChange:
        """What a name was and is."""
        old, new = self._old.files.get(name), self._new.files.get(name)
        if name in self._dirs:
            pair = _loaded(objects, self._old.dirs.get(name)), _loaded(objects, self._new.dirs.get(name))
            self._dirs[name] = pair
            old, new = old or pair[0].itself or None, new or pair[1].itself or None
        return RawChange(self._prefix + name, old, new)

    def below(self, step: bytes) -> _Level:
        """The directory of a name that was seen before."""
        pair = self._dirs.pop(step[:-1])
        assert pair is not None
        return _Level(self._prefix + step, *pair)


def _differing_files(old: Directory, new: Directory) -> set[bytes]:
    if old.files == new.files:
        return set()
    found = {name for name, text in new.files.items() if old.files.get(name) != text}
    return found | (old.files.keys() - new.files.keys())


def _relinks(objects: ObjectStore, before: Directory, after: Directory, found: Iterable[RawChange]) -> list[RawChange]:
    if before is EMPTY:  # all of it is new
        return []
    old, new = read_groups(objects, before.hardlinks), read_groups(objects, after.hardlinks)
    changes = ((change.path, change.new is None) for change in found if change.differs)
    paths = relinked_paths(old, new, changes)
    return [RawChange(path, text, text, relinked=True) for path in paths for text in (text_at(objects, after, path),)]


def _parents(path: RootPath) -> Iterator[RootPath]:
    while path:
        path = path.rpartition(b"/")[0]
        yield path


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
