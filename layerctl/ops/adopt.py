"""Taking a finished layer into the store."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.layer.identity import LayerHasher
from layerctl.model.delta import content_size
from layerctl.model.layer import LayerDescriptor, Quiescence
from layerctl.model.listing import parse_entry
from layerctl.model.operation import FileMove, Move, Rename
from layerctl.snapshot.delta import layer_entries

if TYPE_CHECKING:
    from layerctl.layer.xattrs import XattrNamespace
    from layerctl.model.delta import Delta
    from layerctl.model.ids import LayerId
    from layerctl.model.scan import RootPath
    from layerctl.ops.context import Context
    from layerctl.snapshot.compare import RawChange
    from layerctl.snapshot.delta import LazyDelta

_DIR = b"type=dir "


class Census:
    """Counts what a layer's descriptor says while somebody reads the layer's listing. A ``model.delta.LayerListing``.

    Args:
        layer: the layer.
    """

    def __init__(self, layer: LazyDelta) -> None:
        self._layer = layer
        self._tally = _Tally(layer.links)

    @property
    def links(self) -> tuple[tuple[RootPath, ...], ...]:
        """The layer's hard-link groups."""
        return self._layer.links

    def sorted(self) -> Iterator[tuple[RootPath, bytes | None]]:
        """The layer's entries; to be read once, to the end."""
        return self._tally.entries(layer_entries(self._tally.changes(self._layer.changes())))

    def descriptor(self, quiescence: Quiescence, *, depth: int, diff_id: str | None = None) -> LayerDescriptor:
        """The descriptor of the layer, once its entries have been read."""
        return self._tally.descriptor(quiescence, depth, diff_id)


def describe(
    delta: Delta,
    changes: tuple[RawChange, ...],
    quiescence: Quiescence,
    *,
    depth: int,
    diff_id: str | None = None,
) -> LayerDescriptor:
    """The descriptor of a layer."""
    tally = _Tally(delta.links)
    deque(tally.changes(changes), maxlen=0)
    deque(tally.entries(delta.sorted()), maxlen=0)
    return tally.descriptor(quiescence, depth, diff_id)


class _Tally:
    """Passes changes and entries on and counts them."""

    def __init__(self, links: tuple[tuple[RootPath, ...], ...]) -> None:
        self._hasher = LayerHasher(links)
        self._again = {path for group in links for path in group[1:]}  # a hard-linked file counts once
        self._added = self._modified = self._deleted = self._entries = self._size = 0

    def changes(self, found: Iterable[RawChange]) -> Iterator[RawChange]:
        for change in found:
            if change.old is None:
                self._added += 1
            elif change.new is None:
                self._deleted += 1
            elif change.differs and not is_noise(change):
                self._modified += 1
            yield change

    def entries(self, found: Iterable[tuple[RootPath, bytes | None]]) -> Iterator[tuple[RootPath, bytes | None]]:
        for path, text in found:
            self._entries += 1
            self._hasher.add(path, text)
            if text is not None and path not in self._again:
                self._size += content_size(text)
            yield path, text

    def descriptor(self, quiescence: Quiescence, depth: int, diff_id: str | None) -> LayerDescriptor:
        return LayerDescriptor(
            id=self._hasher.id(),
            quiescence=quiescence,
            added=self._added,
            modified=self._modified,
            deleted=self._deleted,
            size=self._size,
            entries=self._entries,
            depth=depth,
            diff_id=diff_id,
        )


def adopt(context: Context, layer: LayerDescriptor, fs: Path, spare: str) -> list[Move]:
    """Moves that bring a layer's directory into the store.

    Args:
        context: the repository.
        layer: its descriptor.
        fs: where it is, inside the repository.
        spare: a name, relative to the repository, for a directory that is not needed because the store has it.
    """
    source = str(fs.relative_to(context.layout.root))
    if context.store.layers.fs(layer.id).is_dir():
        return [Rename(source, spare, keep=True)]
    folder = f"layers/{layer.id}"
    return [
        Rename(source, f"{folder}/fs", keep=True),
        FileMove(f"{folder}/layer.json", None, layer_document(layer.id, layer, context.namespace), keep=True),
    ]


def layer_document(layer: LayerId, descriptor: LayerDescriptor, namespace: XattrNamespace) -> str:
    """The content of a layer folder's ``layer.json``."""
    what = {
        "id": layer.hex,
        "bytes": descriptor.size,
        "entries": descriptor.entries,
        "namespace": namespace.name.lower(),
    }
    return json.dumps(what, indent=1, sort_keys=True) + "\n"


def is_noise(change: RawChange) -> bool:
    """Whether only a directory's mtime differs."""
    if change.old is None or change.new is None or not change.new.startswith(_DIR) or not change.old.startswith(_DIR):
        return False
    old, new = parse_entry(change.old), parse_entry(change.new)
    return old._replace(mtime_ns=0) == new._replace(mtime_ns=0)
