"""Checks on what lies in ``.layerctl`` after a commit."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from layerctl.layer.identity import layer_id
from layerctl.layer.scan import LayerScanner
from layerctl.layer.xattrs import XattrNamespace
from layerctl.model.commit import ImageCommit
from layerctl.model.delta import Delta
from layerctl.model.listing import format_entry
from layerctl.model.scan import Scan, ScanDir
from layerctl.snapshot.compare import compare
from layerctl.snapshot.delta import make_delta
from layerctl.store.layout import Layout
from layerctl.store.store import Store
from tests.oracle import Listing


def assert_fsck_clean(repository: Path) -> None:
    """Fails unless plain git is content with every object."""
    command = ["git", "--git-dir", repository / "git", "fsck", "--strict", "--no-dangling"]
    done = subprocess.run(command, capture_output=True, text=True)
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("notice: ")]
    assert (done.returncode, complaints) == (0, [])


def assert_layer_is_canonical(repository: Path, commit: ImageCommit, parent: Listing | None) -> None:
    """Fails unless a commit's layer directory holds exactly the difference of the two snapshots, and nothing else."""
    store = Store(Layout(repository))
    before = store.commits.read(commit.parent).snapshot if commit.parent else None
    expected = make_delta(store.git, commit.snapshot, compare(store.git, before, commit.snapshot))
    fs = store.layers.fs(commit.layer.id)
    assert layer_id(expected) == commit.layer.id
    held = rescan(fs)
    assert held.entries == expected.entries
    assert held.links == expected.links
    whiteouts = {path for path, text in held.entries.items() if text is None}
    assert whiteouts <= (parent.nodes.keys() if parent is not None else set())
    assert not list(marks(fs))


def rescan(fs: Path) -> Delta:
    """What a layer's directory holds."""
    fd = os.open(fs, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return as_delta(LayerScanner(XattrNamespace.TRUSTED).scan(fd))
    finally:
        os.close(fd)


def as_delta(scan: Scan) -> Delta:
    """A scan of a layer in the form of a delta."""
    return Delta(dict(_entries(b"", scan.root)), scan.links)


def _entries(path: bytes, directory: ScanDir) -> Iterator[tuple[bytes, bytes | None]]:
    assert directory.entry is not None
    assert not directory.opaque, path
    yield path, format_entry(directory.entry)
    prefix = path + b"/" if path else b""
    for name, entry in directory.files.items():
        yield prefix + name, format_entry(entry)
    for name in directory.whiteouts:
        yield prefix + name, None
    for name, child in directory.dirs.items():
        yield from _entries(prefix + name, child)


def marks(fs: Path) -> Iterator[str]:
    """Attributes in a layer's directory that change what overlayfs shows."""
    for top, dirs, files, fd in os.fwalk(os.fsencode(fs)):
        for name in (b".", *dirs, *files):
            place = b"/proc/self/fd/%d/%s" % (fd, name)
            if stat.S_ISLNK(os.lstat(place).st_mode):
                continue
            for key in os.listxattr(place, follow_symlinks=False):
                if key in {f"trusted.overlay.{mark}" for mark in ("opaque", "redirect", "metacopy", "whiteout")}:
                    yield f"{os.fsdecode(top)}/{os.fsdecode(name)}: {key}"
