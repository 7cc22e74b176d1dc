"""A layer as a value: exactly what its directory holds, path by path.

A layer's directory in the store never needs opaque marks. Overlayfs stops at the first lower directory entry that is
not a directory, so a replaced type hides what is below, and a recreated directory is expressed by one whiteout for
each child that is gone. That makes a layer independent of the xattr namespace of the mount that made it, lets a whole
run of layers be merged by the same code that seals one, and gives the same change the same listing wherever it is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.scan import RootPath

_SIZE = re.compile(rb" size=(\d+)")


class LayerListing(Protocol):
    """What a layer's directory holds, entry by entry. A :class:`Delta` has it all in memory."""

    @property
    def links(self) -> tuple[tuple[RootPath, ...], ...]:
        """Hard-link groups: each a sorted tuple of two or more paths, all of them in the layer or none."""

    def sorted(self) -> Iterator[tuple[RootPath, bytes | None]]:
        """Entries by raw path bytes, as :attr:`Delta.entries` has them: a parent always comes before its children."""


@frozen
class Delta:
    """The content of one layer.

    Attributes:
        entries: by path: the entry to be there, in the text form of :mod:`layerctl.model.listing`, or None for a
            whiteout. Parents of every path are included with the metadata that they have in the commit, because
            overlayfs shows the topmost directory's metadata. Not sorted.
        links: hard-link groups among ``entries``: each a sorted tuple of two or more paths; groups sorted.
    """

    entries: dict[RootPath, bytes | None]
    links: tuple[tuple[RootPath, ...], ...] = ()

    def sorted(self) -> Iterator[tuple[RootPath, bytes | None]]:
        """Entries by raw path bytes: a parent always comes before its children."""
        for path in sorted(self.entries):
            yield path, self.entries[path]


def content_size(text: bytes) -> int:
    """Bytes of content of an entry in text form."""
    match = _SIZE.search(text)
    return int(match[1]) if match is not None else 0
