"""A layer's id: BLAKE3 over its canonical listing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from blake3 import blake3

from layerctl.model.ids import LayerId
from layerctl.model.listing import escape_path

if TYPE_CHECKING:
    from layerctl.model.delta import LayerListing
    from layerctl.model.scan import RootPath

_WHITEOUT = b"type=whiteout"
_AT_ONCE = 1000


class LayerHasher:
    """Computes a layer's id from its entries as they come by.

    Args:
        links: the layer's hard-link groups.
    """

    def __init__(self, links: Iterable[tuple[RootPath, ...]]) -> None:
        self._first = {path: group[0] for group in links for path in group}
        self._hasher = blake3()
        self._lines: list[bytes] = []

    def add(self, path: RootPath, text: bytes | None) -> None:
        """Takes the next entry, in the order of raw path bytes; None is a whiteout."""
        self._lines.append(_line(self._first, path, text))
        if len(self._lines) == _AT_ONCE:  # not all of an image's listing at once
            self._flush()

    def id(self) -> LayerId:
        """The id of the layer with these entries."""
        self._flush()
        return LayerId(self._hasher.hexdigest())

    def _flush(self) -> None:
        self._hasher.update(b"".join(self._lines))
        self._lines.clear()


def listing(layer: LayerListing) -> Iterator[bytes]:
    """The canonical listing, line by line: sorted by raw path bytes, hard links named by their group's first path."""
    first = {path: group[0] for group in layer.links for path in group}
    for path, text in layer.sorted():
        yield _line(first, path, text)


def layer_id(layer: LayerListing) -> LayerId:
    """The id of the layer with this content: the same change has the same id wherever it is made."""
    hasher = LayerHasher(layer.links)
    for path, text in layer.sorted():
        hasher.add(path, text)
    return hasher.id()


def _line(first: dict[RootPath, RootPath], path: RootPath, text: bytes | None) -> bytes:
    line = (escape_path(path) or b".") + b" " + (_WHITEOUT if text is None else text)
    if path in first:
        line += b" hardlink=" + escape_path(first[path])
    return line + b"\n"
