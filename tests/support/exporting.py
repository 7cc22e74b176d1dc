"""Commits as OCI images, in the form that other tools read."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from layerctl.layer.archive import write_layer
from layerctl.model.commit import ImageCommit
from layerctl.model.delta import Delta
from layerctl.model.ids import CommitId
from layerctl.snapshot.compare import compare, text_at
from layerctl.snapshot.delta import make_delta
from layerctl.snapshot.directory import load
from layerctl.store.layout import Layout
from layerctl.store.store import Store
from tests.support.archives import OciLayout, named


def layer_archive(
    store: Store, commit: ImageCommit, on_socket: Callable[[bytes], None] = lambda path: None
) -> tuple[str, bytes]:
    """The ``diff_id`` and the archive of a commit's layer."""
    before = store.commits.read(commit.parent).snapshot if commit.parent else None
    delta = make_delta(store.git, commit.snapshot, compare(store.git, before, commit.snapshot))

    def shows_below(path: bytes) -> bool:
        return before is not None and text_at(store.git, load(store.git, before), path) is not None

    archive = io.BytesIO()
    with directory(store.layers.fs(commit.layer.id)) as fd:
        written = write_layer(delta, fd, archive, shows_below=shows_below, on_socket=on_socket)
    assert written.size == len(archive.getvalue())
    return written.diff_id, archive.getvalue()


def layers_of(
    repository: Path, head: CommitId, on_socket: Callable[[bytes], None] = lambda path: None
) -> list[tuple[str, bytes]]:
    """``diff_id`` and archive of each layer of a commit, the base image's first."""
    store = Store(Layout(repository))
    commits = reversed(list(store.layers.all_layers(head)))
    return [layer_archive(store, commit, on_socket) for commit in commits]


def oci_layout(target: Path, layers: list[tuple[str, bytes]]) -> Path:
    """A layout with one image, ``latest``, of these layers; its config names them as layerctl does."""
    layout = OciLayout(target)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [diff_id for diff_id, _ in layers]},
    }
    manifest = layout.manifest([data for _, data in layers], config=config, compression=["plain"] * len(layers))
    return layout.finish(layout.document(manifest, **named("latest")))


def archive_of(delta: Delta, root: Path, on_socket: Callable[[bytes], None] = lambda path: None) -> bytes:
    """The archive of a base layer."""
    archive = io.BytesIO()
    with directory(root) as fd:
        write_layer(delta, fd, archive, shows_below=lambda path: False, on_socket=on_socket)
    return archive.getvalue()


@contextmanager
def directory(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)
