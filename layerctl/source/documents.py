"""The JSON documents of an image, checked: descriptors, indexes, manifests, history.

Everything in them was written by somebody else. A digest becomes a path only after its form was checked
(CVE-2024-3727), and a document that could be read as an index *and* as a manifest is refused (CVE-2021-41190).
Sources: OCI image-spec, ``descriptor.md``, ``image-index.md``, ``manifest.md``, ``config.md``; docker's
"Image Manifest V 2, Schema 2".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from layerctl.errors import BadArchive
from layerctl.source.platforms import Platform
from layerctl.values import frozen

_DIGEST = re.compile(r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})\Z")
INDEX_TYPES = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
}
MANIFEST_TYPES = {
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
}
CONFIG_TYPES = {
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
}
_LAYER = re.compile(
    r"application/vnd\.(?:"
    r"oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+(?:gzip|zstd))?|"
    r"docker\.image\.rootfs\.(?:foreign\.)?diff\.tar(?:\.gzip|\.zstd)?)\Z"
)

Json = Mapping[str, Any]
T = TypeVar("T")


@frozen
class Descriptor:
    """What points at a blob.

    Attributes:
        media_type: empty if not said.
        digest: ``algorithm:hex``, its form checked.
        size: bytes.
        platform: what it runs on, if said.
        names: the names it goes by in the index.
    """

    media_type: str
    digest: str
    size: int
    platform: Platform | None
    names: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where an OCI layout keeps the blob."""
        return "blobs/" + self.digest.replace(":", "/")


@frozen
class Manifest:
    """One image for one platform."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


@frozen
class HistoryItem:
    """How a layer came about; see :class:`~layerctl.model.imports.ImportedLayer`."""

    created: datetime | None = None
    message: str | None = None
    author: str | None = None


def parse_json(data: bytes, what: str) -> Any:
    """Parses JSON.

    Raises:
        BadArchive: it is none.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise BadArchive(f"the image's {what} is not JSON: {exc}") from exc


def parse_object(data: bytes, what: str) -> Json:
    """Parses a JSON object.

    Raises:
        BadArchive: it is none.
    """
    value = parse_json(data, what)
    if not isinstance(value, dict):
        raise BadArchive(f"the image's {what} is not a JSON object")
    return value


def parse_index(document: Json) -> tuple[Descriptor, ...]:
    """The descriptors in an image index.

    Raises:
        BadArchive: it is malformed, or could be read as a manifest too.
    """
    if "layers" in document or "config" in document or "fsLayers" in document:
        raise BadArchive("the image's index could also be read as a manifest", hint="do not trust its source")
    if document.get("mediaType") in MANIFEST_TYPES:
        raise BadArchive("the image's index says that it is a manifest", hint="do not trust its source")
    return tuple(_descriptor(item) for item in list_in(document, "manifests", dict))


def parse_manifest(document: Json) -> Manifest:
    """An image manifest.

    Raises:
        BadArchive: it is malformed, of a kind that is no container image, or could be read as an index too.
    """
    if "manifests" in document or "fsLayers" in document or document.get("mediaType") in INDEX_TYPES:
        raise BadArchive("the image's manifest could also be read as an index", hint="do not trust its source")
    config = _descriptor(document.get("config"))
    if config.media_type not in CONFIG_TYPES:
        raise BadArchive(f"the manifest is not one of a container image: its config is {config.media_type!r}")
    layers = tuple(_descriptor(item) for item in list_in(document, "layers", dict))
    for layer in layers:
        if not _LAYER.match(layer.media_type):
            raise BadArchive(f"a layer has the media type {layer.media_type!r}, which layerctl cannot read")
    return Manifest(config, layers)


def diff_ids(config: Json) -> list[str]:
    """The digests of the uncompressed layers, base first.

    Raises:
        BadArchive: the image config is malformed.
    """
    rootfs = config.get("rootfs")
    found = list_in(rootfs if isinstance(rootfs, dict) else {}, "diff_ids", str)
    for digest in found:
        check_digest_form(digest)
    return found


def parse_history(config: Json, layers: int) -> list[HistoryItem]:
    """What the config says about each layer: history entries that are not ``empty_layer`` pair with the layers.

    Raises:
        BadArchive: it is malformed, or there are more or fewer such entries than layers.
    """
    if not config.get("history"):
        return [HistoryItem()] * layers
    items = [item for item in list_in(config, "history", dict) if not item.get("empty_layer")]
    if len(items) != layers:
        raise BadArchive(f"the image has {layers} layers, but its history tells of {len(items)}")
    return [_history_item(item) for item in items]


def parse_time(text: str | None) -> datetime | None:
    """An RFC 3339 time; None for none, and for the zero time that Go programs write when they mean none.

    Raises:
        BadArchive: it is something else.
    """
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as exc:
        raise BadArchive(f"the image has {text[:80]!r} where a time should be") from exc
    if time.tzinfo is None:
        raise BadArchive(f"the image has a time without a zone: {text[:80]!r}")
    return time if time.year > 1 else None


def check_digest_form(digest: str) -> None:
    """Makes sure that a digest is one, and nothing else.

    Raises:
        BadArchive: it is not.
    """
    if not _DIGEST.match(digest):
        raise BadArchive(f"the image has {digest[:160]!r} where a digest should be")


def list_in(document: Json, key: str, kind: type[T]) -> list[T]:
    """A list in a document, of values of one type; empty if it is null or missing.

    Raises:
        BadArchive: it is something else.
    """
    value = document.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
        raise BadArchive(f"the image's {key!r} is malformed")
    return value


def text_in(document: Json, key: str) -> str | None:
    """A text in a document; None if it is null, missing or empty.

    Raises:
        BadArchive: it is something else.
    """
    value = document.get(key)
    if value is not None and not isinstance(value, str):
        raise BadArchive(f"the image's {key!r} is not a text")
    return value or None


def _history_item(item: Json) -> HistoryItem:
    message = text_in(item, "created_by") or text_in(item, "comment")
    return HistoryItem(parse_time(text_in(item, "created")), message, text_in(item, "author"))


def _descriptor(value: Any) -> Descriptor:
    if not isinstance(value, dict):
        raise BadArchive("the image has something else where a descriptor should be")
    digest, size = text_in(value, "digest") or "", value.get("size")
    check_digest_form(digest)
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise BadArchive(f"the image's descriptor of {digest} has no size")
    return Descriptor(text_in(value, "mediaType") or "", digest, size, _platform(value.get("platform")), _names(value))


def _platform(value: Any) -> Platform | None:
    if not isinstance(value, dict):
        return None
    return Platform(text_in(value, "os") or "", text_in(value, "architecture") or "", text_in(value, "variant") or "")


def _names(descriptor: Json) -> tuple[str, ...]:
    annotations = descriptor.get("annotations")
    if not isinstance(annotations, dict):
        return ()
    keys = ("org.opencontainers.image.ref.name", "io.containerd.image.name")
    return tuple(name for key in keys if (name := text_in(annotations, key)) is not None)
