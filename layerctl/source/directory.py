"""Importing a directory as a root filesystem."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from layerctl.layer.copytree import copy_tree
from layerctl.model.config import ImageConfig
from layerctl.model.imports import ImportedImage, ImportedLayer
from layerctl.source.layers import layer_dir
from layerctl.source.mistaken import refuse_layout

if TYPE_CHECKING:
    from layerctl.source.request import Request
    from layerctl.source.spec import SourceSpec


def import_directory(spec: SourceSpec, request: Request) -> ImportedImage:
    """Copies a directory; never the repository that may lie in it, nor the staging directory.

    Raises:
        UsageError: it is an OCI layout.
        BadArchive: see :func:`layerctl.layer.copytree.copy_tree`.
        NoPrivilege: it may not be read.
    """
    source_fd = os.open(spec.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        refuse_layout(source_fd, spec.text)
        staging = os.stat(request.staging)
        with layer_dir(request.staging / "0") as root_fd:
            scan = copy_tree(
                source_fd,
                root_fd,
                namespace=request.namespace,
                exclude=request.exclude | {(staging.st_dev, staging.st_ino)},
                progress=request.progress,
            )
    finally:
        os.close(source_fd)
    return ImportedImage((ImportedLayer(request.staging / "0", scan),), ImageConfig.empty(), (), spec.text)
