"""Building a layer's directory anew beside the damaged one, out of what is whole in it and copies of the rest.

The damaged directory is never written to: its files are shared with compacted runs by hard links.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.layer.build import build_layer
from layerctl.layer.handles import DirHandles, split
from layerctl.layer.metadata import apply_metadata, make_bare_node
from layerctl.layer.xattrs import XattrNamespace, drop_inherited_acls
from layerctl.model.entry import Entry, Kind
from layerctl.model.listing import format_entry
from layerctl.ops.checks.tree import Tree, TreeReader, bad_paths

if TYPE_CHECKING:
    from layerctl.model.delta import Delta
    from layerctl.model.scan import RootPath
    from layerctl.ops.mends.copies import Copies

_EMPTY = Tree(None, {})


class MendPlacer:
    """Puts one entry into a layer being rebuilt. Implements ``layer.build.Placer``.

    What is whole is linked; what has a copy somewhere is copied, with the metadata that it must have. A damaged file
    without a copy is linked as it is, because it may be of use to somebody.

    Args:
        old: the damaged directory; None if there is none.
        tree: what it holds.
        copies: where contents may be found.
        namespace: spelling of escaped attributes.
    """

    def __init__(self, old: int | None, tree: Tree, copies: Copies, namespace: XattrNamespace) -> None:
        self._stack = ExitStack()
        self._handles = self._stack.enter_context(DirHandles(old)) if old is not None else None
        self._tree = tree
        self._copies = copies
        self._namespace = namespace
        self._used: set[tuple[int, int]] = set()
        #: paths whose content was found nowhere.
        self.lost: list[RootPath] = []

    def close(self) -> None:
        """Closes what was opened."""
        self._stack.close()

    def __call__(self, path: RootPath, entry: Entry, dir_fd: int, name: bytes) -> bool:
        """Links, copies or makes the entry."""
        is_whole = self._tree.entries.get(path) == format_entry(entry)
        if is_whole and self._link(path, dir_fd, name):
            return True
        if entry.kind is not Kind.FILE:
            make_bare_node(dir_fd, name, entry)
            apply_metadata(dir_fd, name, entry, self._namespace)
            return True
        if self._copy(entry, dir_fd, name):
            return True
        self.lost.append(path)
        return self._link(path, dir_fd, name)

    def _link(self, path: RootPath, dir_fd: int, name: bytes) -> bool:
        """Links the old file, unless it is another entry's already, is not there or is something else."""
        if self._handles is None:
            return False
        parent, old_name = split(path)
        try:
            source = self._handles.get(parent)
            status = os.stat(old_name, dir_fd=source, follow_symlinks=False)
            inode = (status.st_dev, status.st_ino)
            if stat.S_ISDIR(status.st_mode) or inode in self._used:
                return False
            os.link(old_name, name, src_dir_fd=source, dst_dir_fd=dir_fd, follow_symlinks=False)
        except OSError:
            return False
        self._used.add(inode)
        return True

    def _copy(self, entry: Entry, dir_fd: int, name: bytes) -> bool:
        make_bare_node(dir_fd, name, entry)
        target = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
        try:
            found = entry.size == 0 or self._copies.copy(entry, target)
        finally:
            os.close(target)
        if not found:
            os.unlink(name, dir_fd=dir_fd)
            return False
        apply_metadata(dir_fd, name, entry, self._namespace)
        return True


def rebuild(
    old: Path, new: Path, delta: Delta, copies: Copies, reader: TreeReader, namespace: XattrNamespace
) -> tuple[set[RootPath], set[RootPath]]:
    """Makes ``new``, an empty directory, what ``old`` should be.

    Returns:
        The paths that were wrong in the old one, and those that still are in the new one.
    """
    tree = reader.read(old, delta) if old.is_dir() else _EMPTY
    drop_inherited_acls(bytes(new))
    with ExitStack() as stack:
        old_fd = stack.enter_context(_opened(old)) if old.is_dir() else None
        place = MendPlacer(old_fd, tree, copies, namespace)
        stack.callback(place.close)
        build_layer(delta, stack.enter_context(_opened(new)), place, namespace)
    return bad_paths(tree, delta), bad_paths(reader.read(new, delta), delta)


def prune(old: Path, new: Path) -> bool:
    """Takes out of a replaced directory what the new one has too; whether anything is left."""
    kept = {inode for inode, _ in _inodes(bytes(new))}
    left = False
    for inode, path in _inodes(bytes(old)):
        if inode in kept:
            os.unlink(path)
        else:
            left = True
    return left


def _inodes(root: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    stack = [root]
    while stack:
        with os.scandir(stack.pop()) as found:
            for entry in list(found):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    stack.append(entry.path)
                elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                    yield (status.st_dev, status.st_ino), entry.path


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)
