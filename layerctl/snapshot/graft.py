"""Some paths of one snapshot put into another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from layerctl.model.listing import parse_entry
from layerctl.model.recursion import deep_recursion
from layerctl.snapshot.directory import Directory, load, save
from layerctl.snapshot.hardlinks import Groups, read_groups, write_groups
from layerctl.snapshot.walk import entry_text

if TYPE_CHECKING:
    from layerctl.model.ids import ObjectId
    from layerctl.model.scan import RootPath
    from layerctl.snapshot.objects import ObjectStore

_Parts = tuple[bytes, ...]


def graft(objects: ObjectStore, ours: ObjectId, source: ObjectId, paths: Sequence[RootPath]) -> ObjectId:
    """Makes some paths, and all below them, what they are in another snapshot: changed, there, or gone.

    Directories above a path are made where ours are missing or something else. One that is like the source's again but
    for its time gets that time too.

    Args:
        objects: where the snapshots are, and where the new one goes.
        ours: the snapshot that changes.
        source: the snapshot that the paths are taken from.
        paths: none of them below another; the root is everything.

    Returns:
        The new snapshot.
    """
    if b"" in paths:
        return source
    before, other = load(objects, ours), load(objects, source)
    with deep_recursion():
        after = _graft(objects, before, other, [tuple(path.split(b"/")) for path in paths])
    assert after is not None
    after.hardlinks = None
    tree = save(objects, after)
    groups = _groups(objects, before, other, tree, source, paths)
    after.hardlinks = write_groups(objects, groups)
    return save(objects, after)


def topmost(paths: Sequence[RootPath]) -> tuple[RootPath, ...]:
    """The paths that lie below no other of them, sorted."""
    found: list[RootPath] = []
    for path in sorted(set(paths), key=lambda path: path.split(b"/") if path else []):
        if not found or not is_at_or_below(path, found[-1]):
            found.append(path)
    return tuple(found)


def is_at_or_below(path: RootPath, top: RootPath) -> bool:
    """Whether a path is another one or lies below it."""
    return not top or path == top or path.startswith(top + b"/")


def _graft(
    objects: ObjectStore, ours: Directory | None, source: Directory | None, paths: Sequence[_Parts]
) -> Directory | None:
    """A directory with some paths from the source's; None if there is none of ours and nothing to put in it."""
    result = Directory(ours.itself, dict(ours.files), dict(ours.dirs)) if ours is not None else Directory(b"")
    below: dict[bytes, list[_Parts]] = {}
    for name, *rest in paths:
        below.setdefault(name, []).append(tuple(rest))
    for name, rests in below.items():
        if () in rests:
            _take(result, source, name)
        else:
            _descend(objects, result, source, name, rests)
    if source is None:
        return result if ours is not None else None
    if ours is None:
        result.itself = source.itself
        return result if result.files or result.dirs else None
    if (result.files, result.dirs) == (source.files, source.dirs) and _timeless(result) == _timeless(source):
        result.itself = source.itself
    return result


def _take(result: Directory, source: Directory | None, name: bytes) -> None:
    result.files.pop(name, None)
    result.dirs.pop(name, None)
    if source is not None and name in source.files:
        result.files[name] = source.files[name]
    elif source is not None and name in source.dirs:
        result.dirs[name] = source.dirs[name]


def _descend(
    objects: ObjectStore, result: Directory, source: Directory | None, name: bytes, rests: Sequence[_Parts]
) -> None:
    other = load(objects, source.dirs[name]) if source is not None and name in source.dirs else None
    here = load(objects, result.dirs[name]) if name in result.dirs else None
    child = _graft(objects, here, other, rests)
    if child is not None:
        result.files.pop(name, None)
        result.dirs[name] = save(objects, child)


def _timeless(directory: Directory) -> object:
    return parse_entry(directory.itself)._replace(mtime_ns=0)


def _groups(
    objects: ObjectStore,
    before: Directory,
    other: Directory,
    tree: ObjectId,
    source: ObjectId,
    paths: Sequence[RootPath],
) -> list[tuple[RootPath, ...]]:
    """Hard-link groups afterwards.

    What was taken is linked as in the source, also to names that were not taken but are still what they are there,
    unless these have other links by now.
    """

    def taken(path: RootPath) -> bool:
        return any(is_at_or_below(path, top) for top in paths)

    def replaced(path: RootPath) -> bool:
        return taken(path) or any(is_at_or_below(top, path) for top in paths)

    def same(path: RootPath) -> bool:
        return entry_text(objects, tree, path) == entry_text(objects, source, path)

    ours = read_groups(objects, before.hardlinks)
    kept = [tuple(path for path in group if not replaced(path)) for group in ours]
    result: list[tuple[RootPath, ...]] = []
    for group in read_groups(objects, other.hardlinks):
        new = tuple(path for path in group if taken(path))
        if new:
            part = _joined(group, [path for path in group if not taken(path) and same(path)], kept)
            kept = [found for found in kept if found != part]
            result.append((*new, *part))
    return [*kept, *result]


def _joined(
    group: tuple[RootPath, ...], outside: Sequence[RootPath], kept: Groups | list[tuple[RootPath, ...]]
) -> tuple[RootPath, ...]:
    """Of the names that stayed, those that the taken ones are linked to: one file's."""
    for path in outside:
        part = next((found for found in kept if path in found), (path,))
        if set(part) <= set(group):
            return part
    return ()
