"""Finding the directory that a path in a layer leads to, by the layer's listing alone.

The semantics are those of ``RESOLVE_IN_ROOT``, openat2(2): absolute symlinks start at the layer's root, and ``..`` in a
symlink stops there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from layerctl.errors import BadArchive
from layerctl.model.entry import Entry, Kind

if TYPE_CHECKING:
    from layerctl.layer.dircursor import DirPath
    from layerctl.model.scan import RootPath, ScanDir

_MAX_SYMLINKS = 40  # as the kernel: path_resolution(7)


class Spot(NamedTuple):
    """A directory of the layer.

    Attributes:
        directory: its listing so far.
        path: where it is, symlinks resolved.
    """

    directory: ScanDir
    path: DirPath

    def path_of(self, name: bytes) -> RootPath:
        """The path of something in it."""
        return b"/".join((*self.path, name))

    def child(self, name: bytes) -> Spot:
        """A subdirectory that the listing has."""
        return Spot(self.directory.dirs[name], (*self.path, name))


def resolve(root: Spot, parts: DirPath, make: Callable[[Spot, bytes], None]) -> Spot:
    """Goes down to a directory, through symlinks too.

    Args:
        root: the layer's root.
        parts: the directory's path.
        make: called to make a directory that the listing does not have.

    Raises:
        BadArchive: a component is no directory, or a symlink to something that the layer does not have.
    """
    trail = [root]
    todo = [(name, False) for name in reversed(parts)]
    links = 0
    while todo:
        name, in_link = todo.pop()
        here = trail[-1]
        entry = here.directory.files.get(name)
        if name == b"..":
            del trail[max(1, len(trail) - 1) :]
        elif entry is not None:
            links += 1
            target = _link_target(here.path_of(name), entry, links)
            trail = [root] if target.startswith(b"/") else trail
            todo += [(part, True) for part in reversed(target.split(b"/")) if part not in (b"", b".")]
        else:
            _ensure(here, name, in_link, make)
            trail.append(here.child(name))
    return trail[-1]


def _ensure(here: Spot, name: bytes, in_link: bool, make: Callable[[Spot, bytes], None]) -> None:
    if name in here.directory.dirs:
        return
    if in_link:
        path = os.fsdecode(here.path_of(name))
        raise BadArchive(f"the archive puts an entry behind a symlink to {path!r}, which this layer does not have")
    make(here, name)


def _link_target(path: RootPath, entry: Entry, links: int) -> bytes:
    if entry.kind is not Kind.SYMLINK or entry.target is None:
        raise BadArchive(f"the archive uses {os.fsdecode(path)!r} as a directory, but it is none")
    if links > _MAX_SYMLINKS:
        raise BadArchive(f"the archive has too many symlinks in a row at {os.fsdecode(path)!r}")
    return entry.target
