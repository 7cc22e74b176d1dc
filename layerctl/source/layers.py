"""From the layers of an image, wherever they are stored, to unpacked layers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import BadArchive, LimitExceeded
from layerctl.layer.budget import Budget
from layerctl.layer.unpack import unpack
from layerctl.layer.xattrs import drop_inherited_acls
from layerctl.model.imports import ImportedLayer
from layerctl.model.scan import Scan, ScanDir
from layerctl.source.blobs import check_blob, check_digest, check_size, new_hasher
from layerctl.source.compression import decompressed
from layerctl.source.documents import Descriptor, HistoryItem, Json, diff_ids, parse_history
from layerctl.source.lower import LowerLayers
from layerctl.source.stream import Meter, ReadAhead, Slice, hashed
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.source.files import FileSet
    from layerctl.source.request import Request


@frozen
class LayerFile:
    """Where a layer's archive is.

    Attributes:
        path: in the image's files.
        descriptor: what is known of the archive as it is stored; None if nothing is.
    """

    path: str
    descriptor: Descriptor | None = None


def unpack_image(
    files: FileSet, layers: Sequence[LayerFile], config: Json, request: Request
) -> tuple[ImportedLayer, ...]:
    """Unpacks an image's layers, base first. An image without layers has an empty one.

    Raises:
        BadArchive: a layer is missing, broken, or their number is not what the config says.
        DigestMismatch: a layer is not what the config or its descriptor says.
        LimitExceeded: all in all it is too much.
    """
    if len(layers) > request.limits.max_layers:
        raise LimitExceeded(f"the image has {len(layers)} layers, more than {request.limits.max_layers}")
    digests = diff_ids(config)
    if len(digests) != len(layers):
        raise BadArchive(f"the image has {len(layers)} layers, but its config tells of {len(digests)}")
    history = parse_history(config, len(layers))
    if not layers:
        return (_empty_layer(request.staging),)
    unpacker = _Unpacker(files, len(layers), request)
    for layer, diff_id, item in zip(layers, digests, history, strict=True):
        unpacker.add(layer, diff_id, item)
    return tuple(unpacker.done)


@contextmanager
def layer_dir(path: Path) -> Iterator[int]:
    """Makes a layer's directory, and opens it."""
    path.mkdir(mode=0o700)
    drop_inherited_acls(os.fsencode(path))
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _empty_layer(staging: Path) -> ImportedLayer:
    with layer_dir(staging / "0") as fd:
        os.fchmod(fd, 0o755)
    return ImportedLayer(staging / "0", Scan(ScanDir(None)))


class _Unpacker:
    def __init__(self, files: FileSet, total: int, request: Request) -> None:
        self.done: list[ImportedLayer] = []
        self._files = files
        self._total = total
        self._request = request
        self._budget = Budget(request.limits)

    def add(self, layer: LayerFile, diff_id: str, item: HistoryItem) -> None:
        """Unpacks the next layer."""
        fs = self._request.staging / str(len(self.done))
        with self._files.open(layer.path) as data, layer_dir(fs) as root_fd:
            scan = self._unpack(data, layer.descriptor, diff_id, root_fd)
        self.done.append(ImportedLayer(fs, scan, item.created, item.message, item.author, diff_id))

    def _unpack(self, data: Slice, descriptor: Descriptor | None, diff_id: str, root_fd: int) -> Scan:
        if descriptor is None:
            return self._unpack_stream(data, diff_id, data.chunks(), root_fd)
        check_size(data, descriptor, "a layer")
        hasher = new_hasher(descriptor.digest)
        try:
            scan = self._unpack_stream(data, diff_id, hashed(data.chunks(), hasher), root_fd)
        except LimitExceeded:
            raise
        except BadArchive:
            check_blob(data, descriptor, "a layer")  # if it is damaged, that is the better explanation
            raise
        check_digest(hasher, descriptor.digest, "a layer")
        return scan

    def _unpack_stream(self, data: Slice, diff_id: str, chunks: Iterator[bytes], root_fd: int) -> Scan:
        hasher = new_hasher(diff_id)
        meter = Meter(self._request.progress, f"unpacking layer {len(self.done) + 1}/{self._total}", data.size)
        pieces = hashed(decompressed(meter.count(chunks), self._request.limits), hasher)
        with ReadAhead(pieces, meter) as stream:
            scan = unpack(
                stream,
                root_fd,
                namespace=self._request.namespace,
                budget=self._budget,
                whiteouts=True,
                resolve_lower=LowerLayers(tuple(self.done)),
            )
        check_digest(hasher, diff_id, "an uncompressed layer")
        return scan
