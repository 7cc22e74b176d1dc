"""Parent snapshot + write layer → snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.model.listing import format_entry
from layerctl.model.recursion import deep_recursion
from layerctl.snapshot.directory import IMPLIED_DIR, Directory, load, save
from layerctl.snapshot.hardlinks import merge_groups, read_groups, write_groups

if TYPE_CHECKING:
    from layerctl.model.ids import ObjectId
    from layerctl.model.scan import Scan, ScanDir
    from layerctl.snapshot.objects import ObjectStore


def apply_scan(objects: ObjectStore, base: ObjectId | None, scan: Scan) -> ObjectId:
    """Writes the snapshot that shows when a write layer lies over a base.

    Costs what the write layer touches: directories that it does not mention are reused by id.

    Args:
        objects: where trees are read and written.
        base: the snapshot below; None for an empty one.
        scan: the write layer.

    Returns:
        The id of the root tree.
    """
    root = load(objects, base) if base is not None else None
    groups = read_groups(objects, root.hardlinks if root else None)
    with deep_recursion():
        directory = _merge(objects, root, scan.root)
    directory.hardlinks = write_groups(objects, merge_groups(groups, scan))
    return save(objects, directory)


def _merge(objects: ObjectStore, base: Directory | None, layer: ScanDir) -> Directory:
    if layer.entry is not None:
        itself = format_entry(layer.entry)
    else:
        itself = base.itself if base is not None else format_entry(IMPLIED_DIR)
    result = Directory(itself)
    below = base if base is not None and not layer.opaque else None
    if below is not None:
        result.files.update(below.files)
        result.dirs.update(below.dirs)
    for name in layer.whiteouts:
        result.files.pop(name, None)
        result.dirs.pop(name, None)
    for name, entry in layer.files.items():
        result.dirs.pop(name, None)
        result.files[name] = format_entry(entry)
    for name, child in layer.dirs.items():
        result.files.pop(name, None)
        lower = result.dirs.get(name)
        merged = _merge(objects, load(objects, lower) if lower is not None else None, child)
        result.dirs[name] = save(objects, merged)
    return result
