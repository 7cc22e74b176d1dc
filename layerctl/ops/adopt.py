"""Taking a finished layer into the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.layer.identity import layer_id
from layerctl.model.layer import LayerDescriptor, Quiescence
from layerctl.model.listing import parse_entry
from layerctl.model.operation import FileMove, Move, Rename

if TYPE_CHECKING:
    from layerctl.layer.xattrs import XattrNamespace
    from layerctl.model.delta import Delta
    from layerctl.model.ids import LayerId
    from layerctl.ops.context import Context
    from layerctl.snapshot.compare import RawChange

_DIR = b"type=dir "


def describe(
    delta: Delta,
    changes: tuple[RawChange, ...],
    quiescence: Quiescence,
    *,
    depth: int,
    diff_id: str | None = None,
) -> LayerDescriptor:
    """The descriptor of a layer."""
    added = sum(1 for change in changes if change.old is None)
    deleted = sum(1 for change in changes if change.new is None)
    noise = sum(1 for change in changes if is_noise(change))
    return LayerDescriptor(
        id=layer_id(delta),
        quiescence=quiescence,
        added=added,
        modified=len(changes) - added - deleted - noise,
        deleted=deleted,
        size=delta.size,
        entries=len(delta.entries),
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
