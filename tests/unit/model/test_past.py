"""The state before some operations, followed through their moves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from layerctl.model.operation import FileMove, Move, Operation, RefMove, Rename
from layerctl.model.past import Past, PastRef, PastWorktree, look_back

HOME = "worktrees/w"
RECORD, HEAD = f"{HOME}/worktree.json", f"{HOME}/HEAD"


def past(*operations: list[Move]) -> Past:
    when = datetime(2026, 1, 1, tzinfo=UTC)
    return look_back([Operation(n, when, "a <b>", "v", "d", tuple(moves)) for n, moves in enumerate(operations, 1)])


def parking(number: int, old: str, new: str) -> list[Move]:
    return [
        Rename(f"{HOME}/upper", f"parked/{number}/upper"),
        Rename(f"tmp/{number}/upper", f"{HOME}/upper", keep=True),
        FileMove(RECORD, old, new),
    ]


def unparking(number: int, own: int, old: str, new: str) -> list[Move]:
    return [
        Rename(f"{HOME}/upper", f"parked/{own}/upper"),
        Rename(f"parked/{number}/upper", f"{HOME}/upper"),
        FileMove(RECORD, old, new),
    ]


COMMIT: list[Move] = [
    Rename(f"{HOME}/upper", "layers/1/fs", keep=True),
    Rename("tmp/c/upper", f"{HOME}/upper", keep=True),
    FileMove(RECORD, "base B", "base C", keep=True),
    RefMove("refs/heads/main", "b", "c"),
]
STASH: list[Move] = [
    Rename(f"{HOME}/upper", "layers/2/fs", keep=True),
    RefMove("refs/layerctl/stash/2", None, "s"),
    Rename("tmp/s/upper", f"{HOME}/upper", keep=True),
    FileMove(RECORD, "base B", "base S", keep=True),
    FileMove(RECORD, "base S", "base B"),
]
REMOVE: list[Move] = [Rename(HOME, "parked/9/worktree")]
ADD: list[Move] = [
    Rename("tmp/a/upper", f"{HOME}/upper", keep=True),
    FileMove(RECORD, None, "base A", keep=True),
    FileMove(HEAD, None, "ref: refs/heads/w\n", keep=True),
]

CASES: dict[str, tuple[list[list[Move]], PastWorktree]] = {
    "parked": ([parking(1, "B", "P")], PastWorktree(HOME, None, "parked/1/upper", "B")),
    "parked twice": ([parking(1, "B", "P"), parking(2, "P", "Q")], PastWorktree(HOME, None, "parked/1/upper", "B")),
    "came back": ([parking(1, "B", "P"), unparking(1, 2, "P", "B")], PastWorktree(HOME, None, f"{HOME}/upper", None)),
    "came back and was parked elsewhere, with a newer record": (
        [parking(1, "B", "P"), unparking(1, 2, "P", "B"), parking(3, "B with targets", "P")],
        PastWorktree(HOME, None, "parked/3/upper", "B with targets"),
    ),
    "committed": ([COMMIT], PastWorktree(HOME, None, f"{HOME}/upper", None)),
    "stashed": ([STASH], PastWorktree(HOME, None, None, "base S")),
    "stashed, then parked": ([STASH, parking(3, "base B", "P")], PastWorktree(HOME, None, None, "base S")),
    "parked, then stashed": ([parking(1, "A", "base B"), STASH], PastWorktree(HOME, None, "parked/1/upper", "A")),
    "committed, then stashed": ([COMMIT, STASH], PastWorktree(HOME, None, None, "base S")),
    "another small file": (
        [[FileMove(f"{HOME}/bisect.json", None, "1")], [FileMove(f"{HOME}/bisect.json", "1", "2")]],
        PastWorktree(HOME, None, f"{HOME}/upper", None, {"bisect.json": None}),
    ),
    "committed, then parked": ([COMMIT, parking(2, "C", "P")], PastWorktree(HOME, None, "parked/2/upper", "C")),
    "dropped": (
        [
            [
                Rename(f"{HOME}/upper", "tmp/x/old/upper", keep=True),
                Rename("tmp/x/upper", f"{HOME}/upper", keep=True),
                FileMove(RECORD, "B", "P"),
            ]
        ],
        PastWorktree(HOME, None, None, "B"),
    ),
    "not checked out yet": (
        [[Rename("tmp/x/upper", f"{HOME}/upper", keep=True), FileMove(RECORD, "no base", "B")]],
        PastWorktree(HOME, None, None, "no base"),
    ),
    "removed": ([REMOVE], PastWorktree("parked/9/worktree", None, "parked/9/worktree/upper", None)),
    "parked, then removed": (
        [parking(1, "B", "P"), REMOVE],
        PastWorktree("parked/9/worktree", None, "parked/1/upper", "B"),
    ),
    "removed, and another made": (
        [REMOVE, ADD, parking(11, "A", "Z")],
        PastWorktree("parked/9/worktree", None, "parked/9/worktree/upper", None),
    ),
    "added": ([ADD, parking(2, "A", "P")], PastWorktree(None)),
    "brought back": ([[Rename("parked/9/worktree", HOME)], parking(10, "A", "P")], PastWorktree(None)),
    "another branch": (
        [[FileMove(HEAD, "ref: a", "ref: b")], [FileMove(HEAD, "ref: b", "ref: c")]],
        PastWorktree(HOME, "ref: a", f"{HOME}/upper", None),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_worktree_is_followed(case: str) -> None:
    operations, expected = CASES[case]
    assert past(*operations).worktrees == {"w": expected}


def test_refs_were_where_the_first_operation_found_them() -> None:
    moves: list[Move] = [
        RefMove("refs/heads/a", "1", "2"),
        RefMove("refs/layerctl/operations/1-0", None, "1", keep=True),
    ]
    found = past(moves, [RefMove("refs/heads/a", "2", None), RefMove("refs/tags/t", None, "3")])
    assert found.refs == {"refs/heads/a": PastRef("1", None), "refs/tags/t": PastRef(None, "3")}
    assert found.worktrees == {}
