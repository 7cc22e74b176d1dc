"""What names commits, and where names have been."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.values import frozen

if TYPE_CHECKING:
    from datetime import datetime

    from layerctl.model.commit import Author
    from layerctl.model.ids import CommitId


@frozen
class Tag:
    """A tag.

    Attributes:
        name: short name.
        commit: what it leads to.
        message: an annotated tag's message; None for a lightweight one.
    """

    name: str
    commit: CommitId
    message: str | None


@frozen
class Branch:
    """A branch.

    Attributes:
        name: short name.
        commit: its tip.
        worktree: the worktree that has it checked out, if any.
        subject: first line of the tip's message.
    """

    name: str
    commit: CommitId
    worktree: str | None
    subject: str


@frozen
class ReflogLine:
    """One line of ``reflog``.

    Attributes:
        selector: such as ``main@{0}``.
        commit: where the ref went; None where it was deleted.
        message: why.
        author: who.
        date: when.
    """

    selector: str
    commit: CommitId | None
    message: str
    author: Author
    date: datetime
