"""Which commit to try next, against counting by hand; and the record."""

from __future__ import annotations

import json
import random

from layerctl.model.bisection import Bisection, Mark, midpoint
from layerctl.model.ids import CommitId


def commit(number: int) -> CommitId:
    return CommitId(f"{number:040x}")


def line(length: int) -> tuple[list[CommitId], dict[CommitId, list[CommitId]]]:
    """Newest first; the oldest has a parent that is no suspect."""
    commits = [commit(number) for number in range(length, 0, -1)]
    return commits, {here: [commit(int(here.hex, 16) - 1)] for here in commits}


def test_the_middle_of_a_line() -> None:
    commits, parents = line(9)
    assert midpoint(commits, parents, ()) in (commit(4), commit(5))
    assert midpoint(*line(2), ()) == commit(1)
    assert midpoint(*line(1), ()) is None


def test_the_next_best_that_can_be_tested() -> None:
    commits, parents = line(9)
    assert midpoint(commits, parents, [commit(4), commit(5)]) in (commit(3), commit(6))
    assert midpoint(commits, parents, commits[1:]) is None


def test_on_any_history_no_other_commit_halves_better() -> None:
    draw = random.Random(7)
    for size in (*range(2, 30), 200):
        parents = {
            commit(here): [
                commit(there) for there in sorted({draw.randrange(here) for _ in range(draw.choice((1, 1, 2)))})
            ]
            for here in range(1, size + 1)
        }
        parents[commit(size)] += [commit(here) for here in range(1, size) if commit(here) not in parents[commit(size)]]
        commits = [commit(here) for here in range(size, 0, -1)]
        below = {here: reachable(here, parents) for here in commits}
        found = midpoint(commits, parents, ())
        best = max(min(len(below[here]), size - len(below[here])) for here in commits[1:])
        assert found is not None
        assert min(len(below[found]), size - len(below[found])) == best


def reachable(start: CommitId, parents: dict[CommitId, list[CommitId]]) -> set[CommitId]:
    seen: set[CommitId] = set()
    todo = [start]
    while todo:
        here = todo.pop()
        if here in parents and here not in seen:
            seen.add(here)
            todo += parents[here]
    return seen


def test_the_last_word_on_a_commit_counts() -> None:
    state = Bisection("ref: refs/heads/main\n", True)
    state = state.with_mark(Mark.BAD, [commit(9)]).with_mark(Mark.GOOD, [commit(1), commit(2)])
    state = state.with_mark(Mark.SKIP, [commit(2)]).with_mark(Mark.BAD, [commit(7)])
    assert (state.bad, state.marked(Mark.GOOD), state.marked(Mark.SKIP)) == (commit(7), (commit(1),), (commit(2),))
    assert Bisection.from_json(json.loads(json.dumps(state.to_json()))) == state
