"""Images in the archives that ``docker save`` and ``podman save`` write.

Source: moby ``image/spec/spec.md`` ("Combined Image JSON + Filesystem Changeset Format"), v1.2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from layerctl.errors import BadArchive, SourceNotFound, UsageError
from layerctl.model.config import ImageConfig
from layerctl.model.imports import ImportedImage
from layerctl.source.blobs import check_digest, new_hasher
from layerctl.source.documents import Json, list_in, parse_json, parse_object, text_in
from layerctl.source.files import FileSet, read_document
from layerctl.source.layers import LayerFile, unpack_image
from layerctl.source.platforms import check_platform
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.source.request import Request
    from layerctl.source.spec import SourceSpec

_CONFIG_ID = re.compile(r"(?:blobs/sha256/)?([0-9a-f]{64})(?:\.json)?\Z")
_POSITION = re.compile(r"@([0-9]{1,6})\Z")


@frozen
class _Image:
    config: str
    tags: tuple[str, ...]
    layers: tuple[str, ...]

    @property
    def id(self) -> str | None:
        """Digits of the config's SHA-256, where its name says them."""
        match = _CONFIG_ID.match(self.config)
        return match[1] if match is not None else None

    def is_called(self, ref: str) -> bool:
        """Whether a reference means this image: a tag, with docker's defaults, or an image id."""
        if self.id is not None and ref.removeprefix("sha256:") == self.id:
            return True
        return _full(ref) in map(_full, self.tags)


def import_docker_archive(files: FileSet, spec: SourceSpec, request: Request) -> ImportedImage:
    """Imports one image of an archive.

    Raises:
        SourceNotFound: it has no image of that name.
        UsageError: it has several images, and none was named.
        BadArchive: something in it is missing, malformed or not what it says.
    """
    image = _choose(_images(files), spec.ref)
    content = read_document(files, image.config)
    if image.id is not None:
        hasher = new_hasher("sha256:")
        hasher.update(content)
        check_digest(hasher, f"sha256:{image.id}", "the image config")
    config = parse_object(content, "config")
    check_platform(config, request.platform)
    layers = unpack_image(files, [LayerFile(path) for path in image.layers], config, request)
    return ImportedImage(layers, ImageConfig(config), image.tags, spec.text)


def _images(files: FileSet) -> list[_Image]:
    documents = parse_json(read_document(files, "manifest.json"), "manifest.json")
    if not isinstance(documents, list) or not all(isinstance(item, dict) for item in documents):
        raise BadArchive("the archive's manifest.json is not a list of images")
    return [_image(item) for item in documents]


def _image(item: Json) -> _Image:
    config = text_in(item, "Config")
    if config is None:
        raise BadArchive("the archive's manifest.json has an image without a config")
    return _Image(config, tuple(list_in(item, "RepoTags", str)), tuple(list_in(item, "Layers", str)))


def _choose(images: Sequence[_Image], ref: str | None) -> _Image:
    if not images:
        raise SourceNotFound("the docker archive has no image")
    if ref is None:
        if len(images) > 1:
            raise UsageError(
                "the docker archive has several images", hint=f"name one after a colon: {_listing(images)}"
            )
        return images[0]
    position = _POSITION.match(ref)
    if position is not None:
        found = list(images[int(position[1]) :][:1])
    else:
        found = [image for image in images if image.is_called(ref)]
    if not found:
        raise SourceNotFound(f"the docker archive has no image {ref!r}", hint=f"it has: {_listing(images)}")
    return found[0]


def _listing(images: Sequence[_Image]) -> str:
    return ", ".join(name for index, image in enumerate(images) for name in image.tags or (f"@{index}",))


def _full(ref: str) -> str:
    """A reference with what docker adds: ``app`` means ``docker.io/library/app:latest``; podman adds ``localhost/``."""
    name = ref if ":" in ref.rpartition("/")[2] else f"{ref}:latest"
    return name.removeprefix("docker.io/").removeprefix("library/").removeprefix("localhost/")
