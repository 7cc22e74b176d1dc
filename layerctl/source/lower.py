"""The layers below the one being unpacked, as one tree: where a hard link's target may be."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from layerctl.layer.dircursor import DirCursor, DirPath
from layerctl.model.entry import Entry, Kind

if TYPE_CHECKING:
    from layerctl.model.imports import ImportedLayer
    from layerctl.model.scan import RootPath, ScanDir

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class LowerLayers:
    """Finds files in unpacked layers; a :data:`layerctl.layer.unpack.ResolveLower`."""

    def __init__(self, layers: Sequence[ImportedLayer]) -> None:
        """Takes the layers below, base first."""
        self._layers = layers

    def __call__(self, path: RootPath) -> tuple[int, Entry] | None:
        """An open descriptor of a file's content (-1 if it is no regular file) and its entry; None if there is none."""
        parts = tuple(path.split(b"/"))
        for layer in reversed(self._layers):
            entry, hidden = _look_up(layer.scan.root, parts)
            if entry is not None:
                return (_open(layer, parts) if entry.kind is Kind.FILE else -1), entry
            if hidden:
                return None
        return None


def _look_up(root: ScanDir, parts: DirPath) -> tuple[Entry | None, bool]:
    """What one layer says: the entry, or whether it hides what the layers below it say."""
    directory = root
    opaque = root.opaque
    for name in parts[:-1]:
        child = directory.dirs.get(name)
        if child is None:
            return None, opaque or name in directory.whiteouts or name in directory.files
        directory = child
        opaque = opaque or child.opaque
    name = parts[-1]
    return directory.files.get(name), opaque or name in directory.whiteouts or name in directory.dirs


def _open(layer: ImportedLayer, parts: DirPath) -> int:
    root_fd = os.open(layer.fs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with DirCursor(root_fd) as cursor:
            return os.open(parts[-1], _FILE, dir_fd=cursor.at(parts[:-1]))
    finally:
        os.close(root_fd)
