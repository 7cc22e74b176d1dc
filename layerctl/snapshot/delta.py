"""Snapshot × snapshot → the content of the layer that leads from one to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.model.delta import Delta
from layerctl.snapshot.directory import Directory, load

if TYPE_CHECKING:
    from layerctl.model.ids import ObjectId
    from layerctl.model.scan import RootPath
    from layerctl.snapshot.compare import Comparison, RawChange
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
    gone = {change.path for change in comparison.changes if change.new is None}
    blocked = {change.path for change in comparison.changes if change.new and not change.new.startswith(_DIR)}
    entries: dict[RootPath, bytes | None] = {}
    for change in comparison.changes:
        if change.new is not None:
            entries[change.path] = change.new
        elif not _hidden(change, gone, blocked):
            entries[change.path] = None
    links = tuple(group for group in comparison.new_links if entries.get(group[0]) is not None)
    _add_parents(objects, load(objects, new), entries)
    return Delta(entries, links)


def _hidden(change: RawChange, gone: set[RootPath], blocked: set[RootPath]) -> bool:
    parent = change.path.rpartition(b"/")[0]
    return parent in gone or parent in blocked


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
