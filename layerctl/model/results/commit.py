"""New commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.ids import CommitId
    from layerctl.model.layer import LayerDescriptor


@frozen
class ImportResult:
    """What ``import`` made.

    Attributes:
        commits: oldest first; one for a directory or tar, one a layer for an image.
        branch: where the last of them is the tip.
        tags: tags that were made.
        entries: paths in the last commit's layers, summed over the layers.
        size: bytes of content, summed over the layers.
        warnings: what could not be taken over, one sentence each.
    """

    commits: tuple[CommitId, ...]
    branch: str
    tags: tuple[str, ...]
    entries: int
    size: int
    warnings: tuple[str, ...] = ()


@frozen
class CommitResult:
    """A commit that was made.

    Attributes:
        commit: its id.
        branch: None if HEAD is detached.
        subject: first line of its message.
        layer: its layer.
        root: whether it has no parent.
    """

    commit: CommitId
    branch: str | None
    subject: str
    layer: LayerDescriptor
    root: bool
