"""A layer's descriptor, as stored in ``layer.json``."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from layerctl.model.ids import LayerId
from layerctl.values import frozen


class Quiescence(Enum):
    """How still the rootfs was when its write layer was taken.

    ``sealed``: nobody could write; ``frozen``: the container was paused while the changes were copied;
    ``live``: copied while processes may have been writing.
    """

    SEALED = "sealed"
    FROZEN = "frozen"
    LIVE = "live"


@frozen
class LayerDescriptor:
    """What is known of a layer without opening it.

    Attributes:
        id: BLAKE3 over the layer's canonical listing.
        quiescence: how it was taken.
        added: paths that the parent did not have.
        modified: paths that differ from the parent (type changes too; directories with a new mtime alone not counted).
        deleted: paths that the parent had.
        size: bytes of content of the regular files in the layer.
        entries: lines of the listing.
        depth: how many commits lie below the one it belongs to; says which runs of layers are merged.
        diff_id: ``sha256:…`` of the uncompressed OCI layer that it was imported from, if any.
    """

    id: LayerId
    quiescence: Quiescence
    added: int
    modified: int
    deleted: int
    size: int
    entries: int
    depth: int = 0
    diff_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The descriptor as JSON-ready values; see ``docs/json.md``."""
        out: dict[str, Any] = {
            "id": self.id.hex,
            "bytes": self.size,
            "added": self.added,
            "modified": self.modified,
            "deleted": self.deleted,
            "quiescence": self.quiescence.value,
            "entries": self.entries,
            "depth": self.depth,
        }
        if self.diff_id is not None:
            out["diff_id"] = self.diff_id
        return out

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> LayerDescriptor:
        """The inverse of :meth:`to_json`."""
        return cls(
            id=LayerId(raw["id"]),
            quiescence=Quiescence(raw["quiescence"]),
            added=raw["added"],
            modified=raw["modified"],
            deleted=raw["deleted"],
            size=raw["bytes"],
            entries=raw["entries"],
            depth=raw["depth"],
            diff_id=raw.get("diff_id"),
        )
