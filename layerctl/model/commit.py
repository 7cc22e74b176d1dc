"""Image commits as values."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.config import ImageConfig
    from layerctl.model.ids import CommitId, ObjectId
    from layerctl.model.layer import LayerDescriptor


@frozen
class Author:
    """Who made a commit.

    Attributes:
        name: never empty.
        email: may be made up of user and host name.
    """

    name: str
    email: str


@frozen
class ImageCommit:
    """One commit of a rootfs.

    Attributes:
        id: its Git commit id.
        parents: empty for a base image; more than one for a merge; layers follow the first.
        author: who made the change.
        date: when, timezone-aware, whole seconds.
        committer: who recorded it.
        commit_date: when it was recorded, timezone-aware, whole seconds.
        message: whole message, without trailing newlines.
        snapshot: the Git tree of the rootfs listing.
        config_id: the Git blob of the OCI image config.
        layer: descriptor of its layer.
    """

    id: CommitId
    parents: tuple[CommitId, ...]
    author: Author
    date: datetime
    committer: Author
    commit_date: datetime
    message: str
    snapshot: ObjectId
    config_id: ObjectId
    layer: LayerDescriptor

    @property
    def subject(self) -> str:
        """The message's first line."""
        return self.message.split("\n", 1)[0]

    @property
    def parent(self) -> CommitId | None:
        """The first parent, or None for a base image."""
        return self.parents[0] if self.parents else None


@frozen
class CommitDraft:
    """Everything of a commit-to-be but its id."""

    parents: tuple[CommitId, ...]
    author: Author
    date: datetime
    committer: Author
    commit_date: datetime
    message: str
    snapshot: ObjectId
    config: ImageConfig
    layer: LayerDescriptor
