"""What a snapshot needs of the place that keeps its objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from layerctl.model.ids import ObjectId


class ObjectStore(Protocol):
    """Content-addressed blobs and trees, in Git's formats.

    The Git repository is one implementation; tests use another in memory. Objects are immutable: writing the same
    bytes twice gives the same id and changes nothing.
    """

    def read(self, oid: ObjectId) -> bytes:
        """The raw bytes of a blob or tree.

        Raises:
            layerctl.errors.Damaged: there is no such object, or it is broken.
        """

    def write_blob(self, data: bytes) -> ObjectId:
        """Stores a blob."""

    def write_tree(self, data: bytes) -> ObjectId:
        """Stores a tree in Git's canonical encoding."""
