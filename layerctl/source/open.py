"""The one entry to all kinds of sources."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from layerctl.errors import UsageError
from layerctl.layer.failure import explained
from layerctl.source.archive import open_archive
from layerctl.source.directory import import_directory
from layerctl.source.docker_archive import import_docker_archive
from layerctl.source.files import DirFiles
from layerctl.source.oci import import_oci
from layerctl.source.platforms import parse_platform
from layerctl.source.request import Request
from layerctl.source.spec import SourceKind, SourceSpec, parse_spec
from layerctl.source.tar import import_stdin, import_tar

if TYPE_CHECKING:
    from layerctl.layer.xattrs import XattrNamespace
    from layerctl.model.imports import ImportedImage, ImportLimits
    from layerctl.model.progress import Progress


def open_source(
    spec: str,
    *,
    staging: Path,
    limits: ImportLimits,
    progress: Progress,
    stdin: BinaryIO | None,
    namespace: XattrNamespace,
    platform: str | None = None,
    exclude: frozenset[tuple[int, int]] = frozenset(),
) -> ImportedImage:
    """Unpacks a source into layers.

    Args:
        spec: what to import; see :func:`layerctl.source.spec.parse_spec`.
        staging: an existing private directory, in which ``0``, ``1``, … are made, one for each layer, base first. After
            an error the caller deletes what is in there.
        limits: what an archive may unpack to.
        progress: told how far it is.
        stdin: what ``-`` reads.
        namespace: how attributes are spelled in the layers.
        platform: which one to take of an image for several; ``os/architecture[/variant]``, default: this machine's.
        exclude: device and inode numbers of directories that a directory import leaves out.

    Raises:
        SourceNotFound: the source, the image in it or the platform does not exist.
        UsageError: the source is named wrongly, or several images could be meant.
        BadArchive: the source is broken, cut, hostile or of an unknown kind.
        DigestMismatch: something in it is not what its digest says.
        LimitExceeded: it is too much.
        NoSpace: the disk is full.
        NoPrivilege: the process may not read it, or not make what is in it.
    """
    source = parse_spec(spec)
    wanted = parse_platform(platform) if platform is not None else None
    request = Request(staging, limits, progress, stdin, namespace, wanted, exclude)
    try:
        return _IMPORTERS[source.kind](source, request)
    except OSError as exc:
        raise explained(exc, "import", os.fsencode(spec)) from exc


def _import_oci_layout(spec: SourceSpec, request: Request) -> ImportedImage:
    if not spec.path.is_dir():
        raise UsageError(f"{str(spec.path)!r} is not a directory", hint=f"for an archive: oci-archive:{spec.path}")
    fd = os.open(spec.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return import_oci(DirFiles(fd), spec, request)
    finally:
        os.close(fd)


def _import_oci_archive(spec: SourceSpec, request: Request) -> ImportedImage:
    _refuse_directory(spec, "oci")
    with open_archive(spec.path, request) as files:
        if "index.json" not in files and "manifest.json" in files:
            raise UsageError(
                f"{str(spec.path)!r} is a docker archive", hint=f"import docker-archive:{spec.path} instead"
            )
        return import_oci(files, spec, request)


def _import_docker_archive(spec: SourceSpec, request: Request) -> ImportedImage:
    _refuse_directory(spec, "oci")
    with open_archive(spec.path, request) as files:
        if "manifest.json" not in files and "index.json" in files:
            raise UsageError(f"{str(spec.path)!r} is an OCI archive", hint=f"import oci-archive:{spec.path} instead")
        return import_docker_archive(files, spec, request)


def _refuse_directory(spec: SourceSpec, prefix: str) -> None:
    if spec.path.is_dir():
        raise UsageError(f"{str(spec.path)!r} is a directory", hint=f"for an OCI layout: {prefix}:{spec.path}")


_IMPORTERS: dict[SourceKind, Callable[[SourceSpec, Request], ImportedImage]] = {
    SourceKind.DIRECTORY: import_directory,
    SourceKind.TAR: import_tar,
    SourceKind.STDIN: import_stdin,
    SourceKind.OCI: _import_oci_layout,
    SourceKind.OCI_ARCHIVE: _import_oci_archive,
    SourceKind.DOCKER_ARCHIVE: _import_docker_archive,
}
