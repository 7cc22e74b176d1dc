"""A search for the commit that broke something, as a value; and which commit to try next."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import Any

from layerctl.model.ids import CommitId
from layerctl.values import frozen, replace


class Mark(Enum):
    """What is known of a commit."""

    BAD = "bad"
    GOOD = "good"
    SKIP = "skip"


@frozen
class Bisection:
    """One search.

    Attributes:
        head: the content of HEAD before it began.
        checkout: whether candidates are checked out.
        current: the candidate; None if there is none (yet, or any more).
        marks: what was said, in order; a later mark of a commit counts.
    """

    head: str
    checkout: bool
    current: CommitId | None = None
    marks: tuple[tuple[Mark, CommitId], ...] = ()

    @property
    def bad(self) -> CommitId | None:
        """The last commit that was marked bad."""
        return next((commit for mark, commit in reversed(self.marks) if mark is Mark.BAD), None)

    def marked(self, mark: Mark) -> tuple[CommitId, ...]:
        """The commits whose last mark this is, sorted."""
        last = {commit: mark for mark, commit in self.marks}
        return tuple(sorted(commit for commit, found in last.items() if found is mark))

    def with_mark(self, mark: Mark, commits: Sequence[CommitId]) -> Bisection:
        """The search with more known."""
        return replace(self, marks=(*self.marks, *((mark, commit) for commit in commits)))

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "head": self.head,
            "checkout": self.checkout,
            "current": self.current.hex if self.current is not None else None,
            "marks": [[mark.value, commit.hex] for mark, commit in self.marks],
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Bisection:
        """The inverse of :meth:`to_json`."""
        return cls(
            head=raw["head"],
            checkout=raw["checkout"],
            current=CommitId(raw["current"]) if raw["current"] is not None else None,
            marks=tuple((Mark(mark), CommitId(commit)) for mark, commit in raw["marks"]),
        )


def midpoint(
    suspects: Sequence[CommitId], parents: Mapping[CommitId, Sequence[CommitId]], skipped: Collection[CommitId]
) -> CommitId | None:
    """The suspect that halves the search best, as git-bisect-lk2009 describes it.

    Of each suspect count the suspects that it descends from, itself included: that many are left if it is bad, and the
    others if it is good. The best one has the largest smaller part.

    Args:
        suspects: ancestors of the bad commit (the first of them) and of no good one, children before parents.
        parents: of each suspect.
        skipped: suspects that cannot be tested.

    Returns:
        None if there is none to test: only the bad one is left, or those that are skipped.
    """
    weights = _weights(suspects, parents)
    best: CommitId | None = None
    most = 0
    for commit in suspects[1:]:
        smaller = min(weights[commit], len(suspects) - weights[commit])
        if commit not in skipped and smaller > most:
            best, most = commit, smaller
    return best


def _weights(suspects: Sequence[CommitId], parents: Mapping[CommitId, Sequence[CommitId]]) -> dict[CommitId, int]:
    weights: dict[CommitId, int] = {}
    for commit in reversed(suspects):
        above = [parent for parent in parents[commit] if parent in weights]
        if len(above) < 2:
            weights[commit] = 1 + sum(weights[parent] for parent in above)
        else:
            weights[commit] = _count(commit, parents, weights)
    return weights


def _count(start: CommitId, parents: Mapping[CommitId, Sequence[CommitId]], known: Collection[CommitId]) -> int:
    """How many suspects a merge descends from, itself included."""
    seen, todo = {start}, [start]
    while todo:
        new = [parent for parent in parents[todo.pop()] if parent in known and parent not in seen]
        seen.update(new)
        todo += new
    return len(seen)
