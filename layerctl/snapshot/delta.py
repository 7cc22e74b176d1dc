"""Snapshot × snapshot → the content of the layer that leads from one to the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from layerctl.model.delta import Delta
from layerctl.snapshot.compare import differing
from layerctl.snapshot.directory import Directory, load
from layerctl.snapshot.walk import hardlink_groups

if TYPE_CHECKING:
    from layerctl.model.ids import ObjectId
    from layerctl.model.scan import RootPath
    from layerctl.snapshot.compare import Comparison, RawChange
    from layerctl.snapshot.hardlinks import Groups
    from layerctl.snapshot.objects import ObjectStore

_DIR = b"type=dir "


def make_delta(objects: ObjectStore, new: ObjectId, comparison: Comparison) -> Delta:
    """What a layer's directory must hold so that, over the old snapshot, the new one shows.

    A function of the two snapshots alone: how the change came about leaves no trace in it.

    Args:
        objects: where the snapshots are.
        new: the snapshot that shall show.
        comparison: of the old snapshot with ``new``.
    """
    entries = dict(layer_entries(comparison.changes))
    links = tuple(group for group in comparison.new_links if entries.get(group[0]) is not None)
    _add_parents(objects, load(objects, new), entries)
    return Delta(entries, links)


class LazyDelta:
    """What :func:`make_delta` gives, read anew whenever it is asked for: of a large layer, little is in memory.

    Args:
        objects: where the snapshots are.
        old: the snapshot below; None for the empty one.
        new: the snapshot that shall show.
    """

    def __init__(self, objects: ObjectStore, old: ObjectId | None, new: ObjectId) -> None:
        self._objects = objects
        self._old = old
        self._new = new

    @cached_property
    def links(self) -> Groups:
        """Hard-link groups of the new snapshot, even of paths that are not in this layer."""
        return hardlink_groups(self._objects, self._new)

    def changes(self) -> Iterator[RawChange]:
        """See :func:`layerctl.snapshot.compare.differing`."""
        return differing(self._objects, self._old, self._new)

    def sorted(self) -> Iterator[tuple[RootPath, bytes | None]]:
        """Entries by raw path bytes: a parent always comes before its children."""
        return layer_entries(self.changes())


def layer_entries(changes: Iterable[RawChange]) -> Iterator[tuple[RootPath, bytes | None]]:
    """What a layer holds of each change: the new entry, or a whiteout where nothing else hides the old one.

    Args:
        changes: sorted by raw path bytes.
    """
    hiding: set[RootPath] = set()
    for path, old, new, _ in changes:
        was_dir = old is not None and old.startswith(_DIR)
        if new is not None:
            if was_dir and not new.startswith(_DIR):
                hiding.add(path)
            yield path, new
            continue
        if was_dir:
            hiding.add(path)
        if path.rpartition(b"/")[0] not in hiding or not path:
            yield path, None


def _add_parents(objects: ObjectStore, root: Directory, entries: dict[RootPath, bytes | None]) -> None:
    loaded: dict[RootPath, Directory] = {b"": root}
    for path in list(entries):
        parent = path.rpartition(b"/")[0]
        if parent not in loaded:
            _load_chain(objects, parent, loaded)
    for path, directory in loaded.items():
        entries.setdefault(path, directory.itself)


def _load_chain(objects: ObjectStore, path: RootPath, loaded: dict[RootPath, Directory]) -> Directory:
    missing = []
    while path not in loaded:
        path, _, name = path.rpartition(b"/")
        missing.append(name)
    here = loaded[path]
    for name in reversed(missing):
        path = path + b"/" + name if path else name
        here = loaded[path] = load(objects, here.dirs[name])
    return here
