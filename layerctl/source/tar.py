"""Importing a tar archive as a root filesystem."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING

from layerctl.errors import UsageError
from layerctl.layer.budget import Budget
from layerctl.layer.unpack import unpack
from layerctl.model.config import ImageConfig
from layerctl.model.imports import ImportedImage, ImportedLayer
from layerctl.source.archive import open_file
from layerctl.source.compression import decompressed
from layerctl.source.layers import layer_dir
from layerctl.source.mistaken import refuse_archive
from layerctl.source.stream import Hasher, Inline, Meter, ReadAhead, Slice, chunks_of, hashed

if TYPE_CHECKING:
    from layerctl.layer.bytereader import Readable
    from layerctl.source.request import Request
    from layerctl.source.spec import SourceSpec

_STAGE = "unpacking"


def import_tar(spec: SourceSpec, request: Request) -> ImportedImage:
    """Unpacks an archive file, in any known compression.

    Raises:
        UsageError: it is an image, which has a prefix of its own.
        BadArchive: it is broken or cut.
        LimitExceeded: it is too much.
        SourceNotFound: it is not there.
    """
    with open_file(spec.path) as fd:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            with open(fd, "rb", buffering=0, closefd=False) as pipe:
                return _import_pipe(pipe, spec, request)
        data = Slice(fd, 0, os.fstat(fd).st_size)
        meter = Meter(request.progress, _STAGE, data.size)
        hasher = hashlib.sha256()
        with ReadAhead(_pieces(data.chunks(), meter, hasher, request), meter) as stream:
            return _unpack(stream, hasher, spec, request)


def import_stdin(spec: SourceSpec, request: Request) -> ImportedImage:
    """Unpacks an archive from standard input; see :func:`import_tar`."""
    if request.stdin is None:
        raise UsageError("there is no standard input to import from")
    return _import_pipe(request.stdin, spec, request)


def _import_pipe(source: Readable, spec: SourceSpec, request: Request) -> ImportedImage:
    meter = Meter(request.progress, _STAGE, None)
    hasher = hashlib.sha256()
    with Inline(_pieces(chunks_of(source), meter, hasher, request), meter) as stream:
        return _unpack(stream, hasher, spec, request)


def _pieces(chunks: Iterator[bytes], meter: Meter, hasher: Hasher, request: Request) -> Iterator[bytes]:
    return hashed(decompressed(meter.count(chunks), request.limits), hasher)


def _unpack(stream: Readable, hasher: Hasher, spec: SourceSpec, request: Request) -> ImportedImage:
    fs = request.staging / "0"
    with layer_dir(fs) as root_fd:
        budget = Budget(request.limits)
        scan = unpack(stream, root_fd, namespace=request.namespace, budget=budget, whiteouts=False)
    refuse_archive(scan.root, spec.text)
    layer = ImportedLayer(fs, scan, diff_id=f"sha256:{hasher.hexdigest()}")
    return ImportedImage((layer,), ImageConfig.empty(), (), "standard input" if spec.text == "-" else spec.text)
