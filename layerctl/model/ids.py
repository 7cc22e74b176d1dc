"""Identifiers: fixed-size types of their own, never bare strings."""

from __future__ import annotations

import re
from typing import NewType

from layerctl.errors import UsageError
from layerctl.values import frozen

#: BLAKE3 of a file's content: 32 bytes.
Digest = NewType("Digest", bytes)

#: A Git object id: 20 bytes (SHA-1), of a blob or a tree.
ObjectId = NewType("ObjectId", bytes)

_HEX40 = re.compile(r"[0-9a-f]{40}\Z")
_HEX64 = re.compile(r"[0-9a-f]{64}\Z")


@frozen(order=True)
class CommitId:
    """The id of an image commit: 40 lowercase hex digits."""

    hex: str

    def __post_init__(self) -> None:
        if not _HEX40.match(self.hex):
            raise UsageError(f"not a commit id: {self.hex!r}")

    @property
    def short(self) -> str:
        """The first seven digits, for people."""
        return self.hex[:7]

    def __str__(self) -> str:
        return self.hex


@frozen(order=True)
class LayerId:
    """The id of a layer: BLAKE3 over its canonical listing, 64 lowercase hex digits."""

    hex: str

    def __post_init__(self) -> None:
        if not _HEX64.match(self.hex):
            raise UsageError(f"not a layer id: {self.hex!r}")

    def __str__(self) -> str:
        return self.hex
