"""Hard-link groups: a property of the whole snapshot, kept in one blob of its root.

One line a group: the paths, escaped, sorted, separated by spaces; lines sorted. Keeping groups apart from the entries
means that breaking a pair changes one line here and no directory listing of the path that was left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from layerctl.model.listing import escape_path, unescape
from layerctl.model.scan import RootPath, Scan, ScanDir

if TYPE_CHECKING:
    from layerctl.model.ids import ObjectId
    from layerctl.snapshot.objects import ObjectStore

Groups = tuple[tuple[RootPath, ...], ...]


def read_groups(objects: ObjectStore, blob: ObjectId | None) -> Groups:
    """The groups in a blob; none without one."""
    if blob is None:
        return ()
    lines = objects.read(blob).split(b"\n")
    return tuple(tuple(unescape(word) for word in line.split(b" ")) for line in lines if line)


def write_groups(objects: ObjectStore, groups: Iterable[tuple[RootPath, ...]]) -> ObjectId | None:
    """Stores groups of two or more; None if there are none."""
    normal = sorted(tuple(sorted(group)) for group in groups if len(group) > 1)
    if not normal:
        return None
    return objects.write_blob(b"".join(b" ".join(map(escape_path, group)) + b"\n" for group in normal))


def merge_groups(base: Groups, scan: Scan) -> Groups:
    """The groups after a write layer: what it leaves of the base's groups, and its own."""
    kept = (tuple(path for path in group if not touches(scan.root, path)) for group in base)
    return (*(group for group in kept if len(group) > 1), *scan.links)


def touches(root: ScanDir, path: RootPath) -> bool:
    """Whether a write layer replaces or deletes what the base has at ``path``."""
    here = root
    for name in path.split(b"/"):
        if here.opaque or name in here.files or name in here.whiteouts:
            return True
        below = here.dirs.get(name)
        if below is None:
            return False
        here = below
    return True


def relinked_paths(old: Groups, new: Groups, changes: Iterable[tuple[RootPath, bool]]) -> Iterator[RootPath]:
    """Paths of which only the hard links differ.

    Args:
        old: groups before.
        new: groups after.
        changes: the paths that are new, gone or otherwise different, each with whether it is gone; looked at only if
            there are groups.
    """
    members = {path for group in (*old, *new) for path in group}
    if not members:
        return
    moved = {path: gone for path, gone in changes if path in members}
    deleted = {path for path, gone in moved.items() if gone}
    for group in relinked(old, new, moved.keys() - deleted, deleted):
        yield from group


def relinked(
    old: Groups, new: Groups, changed: set[RootPath], deleted: set[RootPath]
) -> Iterator[tuple[RootPath, ...]]:
    """Groups of paths whose hard links differ although nothing else about them does.

    Of an old group that fell apart, the part with its smallest unchanged path stays where it is, and the other parts
    are new inodes; a group that gained a member is new as a whole.

    Args:
        old: groups before.
        new: groups after.
        changed: paths whose entry is new or differs.
        deleted: paths that are gone.

    Yields:
        The unchanged members of each group of the new snapshot that its layer must hold (a single path counts as a
        group of one).
    """
    old_group = {path: group for group in old for path in group}
    new_group = {path: group for group in new for path in group}
    singles = ((path,) for path in old_group if path not in new_group and path not in deleted)
    for group in (*new, *singles):
        unchanged = tuple(path for path in group if path not in changed)
        if unchanged and _is_new(group, unchanged, old_group, changed | deleted):
            yield unchanged


def _is_new(
    group: tuple[RootPath, ...],
    unchanged: tuple[RootPath, ...],
    old_group: dict[RootPath, tuple[RootPath, ...]],
    moved: set[RootPath],
) -> bool:
    if len(unchanged) < len(group):
        return True
    origins = {old_group.get(path, (path,)) for path in group}
    if len(origins) > 1:
        return True
    origin = origins.pop()
    return min((path for path in origin if path not in moved), default=None) not in group
