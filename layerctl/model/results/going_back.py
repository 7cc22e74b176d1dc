"""What went back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.ids import CommitId


@frozen
class RollbackResult:
    """What ``rollback`` did.

    Attributes:
        old: HEAD before.
        new: HEAD now.
        operation: its number, for ``undo``.
        parked: whether uncommitted changes were set aside.
        branch: None if HEAD is detached.
        mountpoint: absolute path.
    """

    old: CommitId
    new: CommitId
    operation: int
    parked: bool
    branch: str | None
    mountpoint: str


@frozen
class UndoResult:
    """What ``undo`` did.

    Attributes:
        operation: the number of the undo itself.
        undone: the number of the operation that was taken back.
        description: what that operation was.
        parked: whether uncommitted work was set aside.
    """

    operation: int
    undone: int
    description: str
    parked: bool


@frozen
class RestoreOperationResult:
    """What ``op restore`` did.

    Attributes:
        operation: its own number; None if it had nothing to do.
        restored: the operation whose result is there again.
        taken_back: how many operations came after that one.
        parked: whether uncommitted work was set aside.
    """

    operation: int | None
    restored: int
    taken_back: int
    parked: bool
