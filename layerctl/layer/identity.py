"""A layer's id: BLAKE3 over its canonical listing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from blake3 import blake3

from layerctl.model.ids import LayerId
from layerctl.model.listing import escape_path

if TYPE_CHECKING:
    from layerctl.model.delta import Delta

_WHITEOUT = b"type=whiteout"
_AT_ONCE = 1000


def listing(delta: Delta) -> Iterator[bytes]:
    """The canonical listing, line by line: sorted by raw path bytes, hard links named by their group's first path."""
    first = {path: group[0] for group in delta.links for path in group}
    for path, text in delta.sorted():
        line = (escape_path(path) or b".") + b" " + (_WHITEOUT if text is None else text)
        if path in first:
            line += b" hardlink=" + escape_path(first[path])
        yield line + b"\n"


def layer_id(delta: Delta) -> LayerId:
    """The id of the layer with this content: the same change has the same id wherever it is made."""
    hasher, lines = blake3(), listing(delta)
    while part := b"".join(islice(lines, _AT_ONCE)):  # not all of an image's listing at once
        hasher.update(part)
    return LayerId(hasher.hexdigest())
