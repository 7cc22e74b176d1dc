"""Blobs that are checked against what their descriptor, or the image config, says of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from layerctl.errors import DigestMismatch
from layerctl.source.files import FileSet, read_document
from layerctl.source.stream import Hasher, Slice, hashed

if TYPE_CHECKING:
    from layerctl.source.documents import Descriptor


def new_hasher(digest: str) -> Hasher:
    """A hasher for a digest's algorithm; the digest's form has been checked."""
    return hashlib.new(digest.partition(":")[0], usedforsecurity=True)


def check_digest(hasher: Hasher, digest: str, what: str) -> None:
    """Compares a digest with what was hashed.

    Raises:
        DigestMismatch: they differ.
    """
    algorithm, _, expected = digest.partition(":")
    actual = hasher.hexdigest()
    if actual != expected:
        raise DigestMismatch(f"{what} is not what the image says: its digest is {algorithm}:{actual}, not {digest}")


def check_size(data: Slice, descriptor: Descriptor, what: str) -> None:
    """Compares a blob's size with its descriptor.

    Raises:
        DigestMismatch: they differ.
    """
    if data.size != descriptor.size:
        raise DigestMismatch(
            f"{what} is not what the image says: {descriptor.digest} has {data.size} bytes, not {descriptor.size}"
        )


def check_blob(data: Slice, descriptor: Descriptor, what: str) -> None:
    """Reads a blob and checks it.

    Raises:
        DigestMismatch: its size or digest is wrong.
    """
    check_size(data, descriptor, what)
    hasher = new_hasher(descriptor.digest)
    _drain(hashed(data.chunks(), hasher))
    check_digest(hasher, descriptor.digest, what)


def read_blob(files: FileSet, descriptor: Descriptor, what: str) -> bytes:
    """Reads a small blob and checks it.

    Raises:
        BadArchive: it is missing.
        DigestMismatch: its size or digest is wrong.
        LimitExceeded: it is not small.
    """
    with files.open(descriptor.path) as data:
        check_size(data, descriptor, what)
    content = read_document(files, descriptor.path)
    hasher = new_hasher(descriptor.digest)
    hasher.update(content)
    check_digest(hasher, descriptor.digest, what)
    return content


def _drain(chunks: Iterator[bytes]) -> None:
    for _ in chunks:
        pass
