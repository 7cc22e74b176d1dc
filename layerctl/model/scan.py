"""What one write layer or one archive layer says: additions, changes and deletions, as a tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from layerctl.values import field, record

if TYPE_CHECKING:
    from layerctl.model.entry import Entry

#: A path relative to the rootfs: raw bytes, ``/``-separated, no leading slash; ``b""`` is the root itself.
RootPath = bytes


@record
class ScanDir:
    """One directory of a write layer.

    Attributes:
        entry: the directory's own metadata; None where an archive implies the directory without describing it.
        opaque: nothing of the lower layers' directory of that path shows through.
        files: everything but directories, by name.
        dirs: subdirectories, by name.
        whiteouts: names that are deleted.
    """

    entry: Entry | None
    opaque: bool = False
    files: dict[bytes, Entry] = field(default_factory=dict)
    dirs: dict[bytes, ScanDir] = field(default_factory=dict)
    whiteouts: set[bytes] = field(default_factory=set)


@record
class Scan:
    """A whole write layer.

    Attributes:
        root: the layer's root directory.
        links: hard-link groups *within this layer*: each a sorted tuple of two or more paths.
    """

    root: ScanDir
    links: tuple[tuple[RootPath, ...], ...] = ()


def in_path_order(files: Iterable[bytes], dirs: Iterable[bytes]) -> list[bytes]:
    """The names in a directory, in the order in which a listing sorted by raw path bytes meets them.

    A subdirectory comes twice: as ``name``, and as ``name/``, which stands for all that is in it. What is called
    ``name-x`` comes between the two.
    """
    names = list(dirs)
    return sorted([*files, *names, *(name + b"/" for name in names)])


def listed(root: ScanDir) -> Iterator[tuple[RootPath, ScanDir | Entry | None]]:
    """Everything in a write layer, sorted by raw path bytes: directories, entries, and None for what is deleted."""
    yield b"", root
    stack = [(b"", root, iter(_names(root)))]
    while stack:
        prefix, here, names = stack[-1]
        for name in names:  # an iterator, which goes on where it was left
            if name.endswith(b"/"):
                child = here.dirs[name[:-1]]
                stack.append((prefix + name, child, iter(_names(child))))
                break
            yield prefix + name, here.files.get(name) or here.dirs.get(name)
        else:
            stack.pop()


def _names(directory: ScanDir) -> list[bytes]:
    return in_path_order((*directory.whiteouts, *directory.files), directory.dirs)
