"""What the verbs return that get something back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.bisection import Mark
    from layerctl.model.change import Change
    from layerctl.model.commit import ImageCommit
    from layerctl.model.ids import CommitId
    from layerctl.model.layer import LayerDescriptor


@frozen
class RestoreResult:
    """What ``restore`` did.

    Attributes:
        source: the commit that paths were taken from.
        changes: how the rootfs changed, sorted by path.
    """

    source: CommitId
    changes: tuple[Change, ...]


@frozen
class RevertResult:
    """What ``revert`` did.

    Attributes:
        reverted: the commit that was taken back.
        commit: the new commit; None if the change is uncommitted.
        branch: None if HEAD is detached.
        subject: first line of the new commit's message.
        layer: the new commit's layer.
        operation: its number, for ``undo``.
        changes: what that does to HEAD, sorted by path.
    """

    reverted: CommitId
    commit: CommitId | None
    branch: str | None
    subject: str
    layer: LayerDescriptor | None
    operation: int
    changes: tuple[Change, ...]


@frozen
class Stash:
    """Uncommitted changes that are set aside.

    Attributes:
        name: a revision: ``stash@{0}`` is the newest.
        commit: the commit that holds them; its parent is what HEAD was.
    """

    name: str
    commit: ImageCommit


@frozen
class StashResult:
    """What ``stash push`` did.

    Attributes:
        commit: the commit that holds the changes.
        message: its message.
        layer: its layer.
        operation: its number, for ``undo``.
    """

    commit: CommitId
    message: str
    layer: LayerDescriptor
    operation: int


@frozen
class UnstashResult:
    """What ``stash pop`` or ``stash apply`` did.

    Attributes:
        commit: the commit that held the changes.
        dropped: whether it was forgotten.
        operation: its number, for ``undo``.
        changes: the rootfs against HEAD, sorted by path.
    """

    commit: CommitId
    dropped: bool
    operation: int
    changes: tuple[Change, ...]


@frozen
class BisectResult:
    """Where a search for the first bad commit is.

    Attributes:
        state: ``waiting`` for a bad and a good commit; ``testing``; ``found``; or ``undecided``, because what is left
            cannot be tested.
        commit: the commit to test, or the first bad one.
        candidates: commits that may be the first bad one, newest first.
        bad: the last commit that was marked so.
        good: those that were.
        skipped: those that cannot be tested.
    """

    state: str
    commit: CommitId | None
    candidates: tuple[CommitId, ...]
    bad: CommitId | None
    good: tuple[CommitId, ...]
    skipped: tuple[CommitId, ...]

    @property
    def left(self) -> int:
        """How many commits will be left to test after this one, about."""
        return max(len(self.candidates) // 2 - 1, 0)

    @property
    def steps(self) -> int:
        """How many tests that will take, about."""
        return self.left.bit_length()


@frozen
class BisectTest:
    """One test of ``bisect run``.

    Attributes:
        commit: what was tested.
        status: the command's exit status.
        mark: what that means.
    """

    commit: CommitId
    status: int
    mark: Mark


@frozen
class Trial:
    """A command that was tried.

    Attributes:
        status: its exit status.
        failure: why it never started; None if it did.
        hint: what to do about that, if that is known.
        changes: what it changed, sorted by path.
        commit: the commit that holds it; None if nothing was kept.
        branch: None if HEAD is detached.
        operation: the commit's operation, for ``undo``.
    """

    status: int
    failure: str | None
    hint: str | None
    changes: tuple[Change, ...]
    commit: CommitId | None = None
    branch: str | None = None
    operation: int | None = None
