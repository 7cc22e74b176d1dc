"""Reading a snapshot: one path, one directory, or everything below a path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from layerctl.snapshot.compare import text_at
from layerctl.snapshot.directory import Directory, load
from layerctl.snapshot.hardlinks import Groups, read_groups

if TYPE_CHECKING:
    from layerctl.model.ids import ObjectId
    from layerctl.model.scan import RootPath
    from layerctl.snapshot.objects import ObjectStore


def entry_text(objects: ObjectStore, snapshot: ObjectId, path: RootPath) -> bytes | None:
    """The text form of the entry at a path, or None."""
    return text_at(objects, load(objects, snapshot), path)


def children(objects: ObjectStore, snapshot: ObjectId, path: RootPath) -> Iterator[tuple[bytes, bytes]]:
    """Names and entries (text form) of one directory, sorted by name; nothing if it is no directory."""
    here = load(objects, snapshot)
    for name in path.split(b"/") if path else ():
        if name not in here.dirs:
            return
        here = load(objects, here.dirs[name])
    for name in sorted(here.files.keys() | here.dirs.keys()):
        yield name, here.files[name] if name in here.files else load(objects, here.dirs[name]).itself


def walk(objects: ObjectStore, snapshot: ObjectId) -> Iterator[tuple[RootPath, bytes]]:
    """Every path of a snapshot with its entry in text form, parents first."""
    stack: list[tuple[RootPath, Directory]] = [(b"", load(objects, snapshot))]
    while stack:
        path, directory = stack.pop()
        yield path, directory.itself
        prefix = path + b"/" if path else b""
        for name, text in sorted(directory.files.items()):
            yield prefix + name, text
        stack += [(prefix + name, load(objects, child)) for name, child in sorted(directory.dirs.items(), reverse=True)]


def hardlink_groups(objects: ObjectStore, snapshot: ObjectId) -> Groups:
    """The snapshot's hard-link groups: each a sorted tuple of paths."""
    return read_groups(objects, load(objects, snapshot).hardlinks)
