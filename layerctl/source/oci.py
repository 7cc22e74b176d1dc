"""Images in an OCI image layout: a directory, or a tar archive of one.

Source: OCI image-spec, ``image-layout.md``, ``image-index.md``, ``manifest.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from layerctl.errors import BadArchive, SourceNotFound, UsageError
from layerctl.model.config import ImageConfig
from layerctl.model.imports import ImportedImage
from layerctl.source.blobs import read_blob
from layerctl.source.documents import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Descriptor,
    Json,
    Manifest,
    parse_index,
    parse_manifest,
    parse_object,
)
from layerctl.source.files import FileSet, read_document
from layerctl.source.layers import LayerFile, unpack_image
from layerctl.source.platforms import Platform, best, check_platform, this_machine

if TYPE_CHECKING:
    from layerctl.source.request import Request
    from layerctl.source.spec import SourceSpec

_MAX_NESTING = 8


def import_oci(files: FileSet, spec: SourceSpec, request: Request) -> ImportedImage:
    """Imports one image of a layout.

    Raises:
        SourceNotFound: it has no image of that name, or none for the platform.
        UsageError: it has several images, and none was named.
        BadArchive: something in it is missing, malformed or not what it says.
    """
    index = parse_index(parse_object(read_document(files, "index.json"), "index.json"))
    chosen = _choose(index, spec.ref)
    manifest = _find_manifest(files, chosen, request.platform)
    config = parse_object(read_blob(files, manifest.config, "the image config"), "config")
    check_platform(config, request.platform)
    layers = unpack_image(files, [LayerFile(layer.path, layer) for layer in manifest.layers], config, request)
    digests = {item.digest for item in chosen}
    names = [name for item in index if item.digest in digests for name in item.names]
    return ImportedImage(layers, ImageConfig(config), tuple(dict.fromkeys(names)), spec.text)


def _choose(index: Sequence[Descriptor], ref: str | None) -> list[Descriptor]:
    """The descriptors that the reference names: one, or one image's for several platforms."""
    if not index:
        raise SourceNotFound("the OCI layout has no image")
    if ref is None:
        found = list(index)
        if len({item.digest for item in found}) > 1 and len({item.names for item in found}) > 1:
            raise UsageError("the OCI layout has several images", hint=f"name one after a colon: {_listing(index)}")
    else:
        found = [item for item in index if ref in (*item.names, item.digest)]
    if not found:
        raise SourceNotFound(f"the OCI layout has no image {ref!r}", hint=f"it has: {_listing(index)}")
    return found


def _listing(index: Sequence[Descriptor]) -> str:
    return ", ".join(sorted({name for item in index for name in item.names or (item.digest,)}))


def _find_manifest(files: FileSet, candidates: Sequence[Descriptor], wanted: Platform | None) -> Manifest:
    """Goes down through nested indexes."""
    for _ in range(_MAX_NESTING):
        descriptor = _for_platform(candidates, wanted or this_machine())
        document = parse_object(read_blob(files, descriptor, "a manifest"), "manifest")
        if not _is_index(descriptor, document):
            return parse_manifest(document)
        candidates = parse_index(document)
    raise BadArchive(f"the image's indexes are nested more than {_MAX_NESTING} deep")


def _is_index(descriptor: Descriptor, document: Json) -> bool:
    """What a document is, as its descriptor says, else as it says itself, else by its looks."""
    inner = document.get("mediaType")
    media_type = descriptor.media_type or inner
    if inner is not None and inner != media_type:
        raise BadArchive(
            f"the image's document {descriptor.digest} calls itself {inner!r}, but is announced as {media_type!r}",
            hint="do not trust its source",
        )
    if media_type is not None and media_type not in INDEX_TYPES | MANIFEST_TYPES:
        raise BadArchive(f"the image has a manifest of the type {media_type!r}, which layerctl cannot read")
    return media_type in INDEX_TYPES if media_type is not None else "manifests" in document


def _for_platform(candidates: Sequence[Descriptor], wanted: Platform) -> Descriptor:
    if len({item.digest for item in candidates}) == 1 and candidates[0].platform is None:
        return candidates[0]
    platforms = [item.platform for item in candidates if item.platform is not None]
    found = best(wanted, platforms)
    for item in candidates:
        if found is not None and item.platform == found:
            return item
    offers = ", ".join(sorted({str(platform) for platform in platforms if "unknown" not in str(platform)}))
    raise SourceNotFound(f"the image is not there for {wanted}", hint=f"it is there for: {offers}" if offers else None)
