"""Overlay mounts made with mount(8), so that the kernel says what a write layer looks like."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from layerctl.layer.build import LinkPlacer
from layerctl.layer.identity import layer_id
from layerctl.layer.scan import LayerScanner
from layerctl.layer.tidy import tidy
from layerctl.layer.xattrs import XattrNamespace
from layerctl.model.delta import Delta
from layerctl.model.ids import LayerId, ObjectId
from layerctl.model.scan import Scan
from layerctl.snapshot.apply import apply_scan
from layerctl.snapshot.compare import compare
from layerctl.snapshot.delta import make_delta
from tests.unit.snapshot.memory import MemoryObjects

_OFF = "redirect_dir=nofollow,metacopy=off,index=off"


@dataclass(frozen=True)
class Overlay:
    """A lower directory, a write layer over it, and both together at ``root``."""

    top: Path

    @property
    def lower(self) -> Path:
        return self.top / "lower"

    @property
    def upper(self) -> Path:
        return self.top / "upper"

    @property
    def root(self) -> Path:
        return self.top / "root"

    def mount(self, options: str = _OFF) -> Path:
        for name in ("lower", "upper", "work", "root"):
            (self.top / name).mkdir(exist_ok=True)
        dirs = f"lowerdir={self.lower},upperdir={self.upper},workdir={self.top / 'work'}"
        subprocess.run(["mount", "-t", "overlay", "none", "-o", f"{dirs},{options}", self.root], check=True)
        return self.root

    def unmount(self) -> None:
        subprocess.run(["umount", self.root], check=True)

    def over(self, *layers: Path) -> Path:
        """Layers, topmost first, over the lower directory, read-only, at a place of their own."""
        point = self.top / "merged"
        point.mkdir()
        empty = self.top / "none"
        empty.mkdir()
        stack = ":".join(str(path) for path in (*layers, self.lower, empty))
        subprocess.run(["mount", "-t", "overlay", "none", "-o", f"ro,lowerdir={stack},{_OFF}", point], check=True)
        return point


def scanned(directory: Path, namespace: XattrNamespace = XattrNamespace.TRUSTED) -> Scan:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return LayerScanner(namespace).scan(fd)
    finally:
        os.close(fd)


@dataclass(frozen=True)
class Tidied:
    """What tidying a write layer led to."""

    delta: Delta
    id: LayerId
    before: ObjectId
    after: ObjectId


def tidied(overlay: Overlay) -> Tidied:
    """Does to an unmounted write layer what a sealed commit does."""
    objects = MemoryObjects()
    before = apply_scan(objects, None, scanned(overlay.lower))
    scan = scanned(overlay.upper)
    after = apply_scan(objects, before, scan)
    delta = make_delta(objects, after, compare(objects, before, after))
    fds = [
        os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        for path in (overlay.upper, overlay.lower, tempfile.mkdtemp(dir=overlay.top))
    ]
    place = LinkPlacer([], XattrNamespace.TRUSTED, below=[fds[1]])
    try:
        tidy(fds[0], scan, delta, place, XattrNamespace.TRUSTED, fds[2])
    finally:
        place.close()
        for fd in fds:
            os.close(fd)
    return Tidied(delta, layer_id(delta), before, after)
