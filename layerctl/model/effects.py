"""What an operation did, as a user would say it: branches, tags, HEADs, worktrees and write layers that moved."""

from __future__ import annotations

import re
from collections.abc import Iterator

from layerctl.errors import UsageError
from layerctl.model.operation import FileMove, Move, Operation, RefMove, Rename
from layerctl.model.worktree import Head
from layerctl.values import frozen

_REFS = {"refs/heads/": "branch", "refs/tags/": "tag"}
_PLACE = re.compile(r"worktrees/([^/]+)(/.*)?\Z")
_PARKED = re.compile(r"(parked/.+?)(/upper|/worktree|/worktree/upper)?\Z")


@frozen
class Effect:
    """One thing that moved.

    Attributes:
        what: ``branch``, ``tag``, ``head``, ``worktree`` or ``write-layer``.
        name: of the branch or tag; else of the worktree.
        old: an object id; for a HEAD a branch or commit id; for a worktree or a write layer ``worktree`` or
            ``parked/…``. None: it did not exist.
        new: likewise; for a write layer also ``layer`` (it became a commit's) and ``dropped``.
    """

    what: str
    name: str
    old: str | None
    new: str | None


def effects(operation: Operation) -> Iterator[Effect]:
    """Everything that an operation moved; what it only kept or prepared is left out."""
    for move in operation.moves:
        found = _effect(move)
        if found is not None:
            yield found


def _effect(move: Move) -> Effect | None:
    if isinstance(move, RefMove):
        return _of_ref(move)
    if isinstance(move, FileMove):
        return _of_file(move)
    return _of_rename(move)


def _of_ref(move: RefMove) -> Effect | None:
    for prefix, what in _REFS.items():
        if move.ref.startswith(prefix):
            return Effect(what, move.ref.removeprefix(prefix), move.old, move.new)
    return None


def _of_file(move: FileMove) -> Effect | None:
    place = _PLACE.match(move.path)
    if place is None or place[2] != "/HEAD":
        return None
    if move.old is None or move.new is None:
        return Effect("worktree", place[1], "worktree" if move.old else None, "worktree" if move.new else None)
    return Effect("head", place[1], _head(move.old), _head(move.new))


def _head(text: str) -> str:
    try:
        head = Head.from_text(text)
    except UsageError:
        return text.strip()
    return head.branch if head.branch is not None else str(head.commit)


def _of_rename(move: Rename) -> Effect | None:
    source, target = _PLACE.match(move.source), _PLACE.match(move.target)
    place = source or target
    if place is None or place[2] not in (None, "/upper"):
        return None
    what = "worktree" if place[2] is None else "write-layer"
    if source is not None:
        return Effect(what, place[1], "worktree", _destination(move))
    parked = _PARKED.match(move.source)
    return Effect(what, place[1], parked[1], "worktree") if parked is not None else None


def _destination(move: Rename) -> str:
    parked = _PARKED.match(move.target)
    if parked is not None:
        return parked[1]
    return "layer" if move.target.startswith("layers/") else "dropped"
