"""Images to import, built by hand: OCI layouts and docker-archives, right ones and wrong ones."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import zstandard

OCI = "application/vnd.oci.image"
DOCKER = "application/vnd.docker.distribution"
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": lambda data: gzip.compress(data, mtime=0),
    "zst": lambda data: zstandard.ZstdCompressor().compress(data),
    "xz": lzma.compress,
    "bz2": bz2.compress,
}
_LAYER_TYPES = {
    "plain": f"{OCI}.layer.v1.tar",
    "gz": f"{OCI}.layer.v1.tar+gzip",
    "zst": f"{OCI}.layer.v1.tar+zstd",
    "docker": f"{DOCKER.replace('.distribution', '.image')}.rootfs.diff.tar.gzip",
}

Member = tuple[tarfile.TarInfo, bytes]
Descriptor = dict[str, Any]


def entry(name: str, content: bytes = b"", *, kind: bytes = tarfile.REGTYPE, **fields: Any) -> Member:
    """One tar member; ``fields`` are attributes of TarInfo (``mode``, ``linkname``, ``pax_headers`` …)."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = len(content)
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    info.mtime = 1_600_000_000
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def directory(name: str, **fields: Any) -> Member:
    return entry(name, kind=tarfile.DIRTYPE, **fields)


def symlink(name: str, target: str) -> Member:
    return entry(name, kind=tarfile.SYMTYPE, linkname=target)


def hardlink(name: str, target: str) -> Member:
    return entry(name, kind=tarfile.LNKTYPE, linkname=target)


def tar_of(*members: Member) -> bytes:
    """The members as an uncompressed archive, in this order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def config_of(layers: Sequence[bytes], **extra: Any) -> dict[str, Any]:
    """An image config for uncompressed layers, one history entry each."""
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin", "FROM=image"], "Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
        "history": [
            {"created": f"2020-01-0{number + 1}T00:00:00Z", "created_by": f"step {number}"}
            for number in range(len(layers))
        ],
        **extra,
    }


class OciLayout:
    """An OCI image layout in a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "blobs/sha256").mkdir(parents=True)
        (root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, data: bytes, media_type: str, **fields: Any) -> Descriptor:
        """Stores a blob and returns its descriptor, with ``fields`` (``platform``, ``annotations`` …) added."""
        digest = digest_of(data)
        self.path(digest).write_bytes(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data), **fields}

    def path(self, digest: str) -> Path:
        """Where the blob is."""
        return self.root / "blobs/sha256" / digest.removeprefix("sha256:")

    def document(self, value: Mapping[str, Any], **fields: Any) -> Descriptor:
        """Stores a JSON document under its own media type."""
        return self.blob(json.dumps(value).encode(), value["mediaType"], **fields)

    def manifest(
        self,
        layers: Sequence[bytes],
        *,
        compression: Sequence[str] = (),
        config: Mapping[str, Any] | None = None,
        docker: bool = False,
    ) -> dict[str, Any]:
        """Stores layers and config and returns the manifest, not stored yet."""
        kinds = compression or ["gz"] * len(layers)
        blobs = [
            self.blob(COMPRESS[kind](layer), _LAYER_TYPES["docker" if docker else kind])
            for layer, kind in zip(layers, kinds, strict=True)
        ]
        config_type = "application/vnd.docker.container.image.v1+json" if docker else f"{OCI}.config.v1+json"
        return {
            "schemaVersion": 2,
            "mediaType": f"{DOCKER}.manifest.v2+json" if docker else f"{OCI}.manifest.v1+json",
            "config": self.blob(json.dumps(config or config_of(layers)).encode(), config_type),
            "layers": blobs,
        }

    def index(self, manifests: Iterable[Descriptor], *, docker: bool = False) -> dict[str, Any]:
        """An index over these descriptors, not stored yet."""
        media_type = f"{DOCKER}.manifest.list.v2+json" if docker else f"{OCI}.index.v1+json"
        return {"schemaVersion": 2, "mediaType": media_type, "manifests": list(manifests)}

    def finish(self, *manifests: Descriptor) -> Path:
        """Writes ``index.json``."""
        (self.root / "index.json").write_text(json.dumps(self.index(manifests)))
        return self.root

    def archive(self, target: Path) -> Path:
        """The whole layout as an oci-archive."""
        with tarfile.open(target, "w") as archive:
            for path in sorted(self.root.rglob("*")):
                archive.add(path, path.relative_to(self.root), recursive=False)
        return target


def named(reference: str) -> dict[str, Any]:
    """Descriptor fields that give an image its name in an index."""
    return {"annotations": {"org.opencontainers.image.ref.name": reference}}


def simple_layout(root: Path, layers: Sequence[bytes], **options: Any) -> OciLayout:
    """A finished layout with one image, ``latest``."""
    layout = OciLayout(root)
    layout.finish(layout.document(layout.manifest(layers, **options), **named("latest")))
    return layout


def docker_archive(target: Path, images: Mapping[tuple[str, ...], Sequence[bytes]], **config: Any) -> Path:
    """A file as ``docker save`` (before OCI layouts) wrote it: tags → layers, several images if need be."""
    members, manifest = [], []
    for tags, layers in images.items():
        document = json.dumps(config_of(layers, **config)).encode()
        name = digest_of(document).removeprefix("sha256:") + ".json"
        paths = [digest_of(layer).removeprefix("sha256:") + "/layer.tar" for layer in layers]
        members += [entry(name, document), *map(entry, paths, layers)]
        manifest.append({"Config": name, "RepoTags": list(tags) or None, "Layers": paths})
    unique = {info.name: (info, content) for info, content in members}
    target.write_bytes(tar_of(*unique.values(), entry("manifest.json", json.dumps(manifest).encode())))
    return target
