"""What of a repository is still needed, and by what: the question behind ``gc``."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import UsageError
from layerctl.model.age import parse_age
from layerctl.model.bisection import Bisection
from layerctl.model.ids import CommitId, ObjectId
from layerctl.model.operation import FileMove, Operation, RefMove, Rename
from layerctl.model.worktree import Head, WorktreeRecord
from layerctl.store.record import load_record
from layerctl.store.reflog_expiry import ReflogFile, read_reflogs
from layerctl.store.worktrees import list_worktrees
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.ops.context import Context

#: Config keys with what they are if not set; the last two are Git's.
AGES = {
    "gc.parkedExpire": "30 days",
    "gc.pruneExpire": "2 weeks",
    "gc.reflogExpire": "90 days",
    "gc.reflogExpireUnreachable": "30 days",
}


@frozen
class Cutoffs:
    """Moments, seconds since the epoch: what is older goes.

    Attributes:
        parked: operations, and what they parked.
        prune: what nothing leads to.
        reflog: reflog entries.
        unreachable: reflog entries that are not in the ref's history.
    """

    parked: float
    prune: float
    reflog: float
    unreachable: float

    @classmethod
    def of(cls, context: Context, grace: str | None) -> Cutoffs:
        """From the config; ``grace`` takes the place of the first two.

        Raises:
            UsageError: one of them is no age.
        """
        parked, prune, reflog, unreachable = (_configured(context, key) for key in AGES)
        if grace is not None:
            parked = prune = parse_age(grace)
        return cls(*(_moment(age) for age in (parked, prune, reflog, unreachable)))


def _configured(context: Context, key: str) -> timedelta | None:
    try:
        return parse_age(context.store.git.config_get(key) or AGES[key])
    except UsageError as exc:
        raise UsageError(f"the config value {key}: {exc.message}", hint=exc.hint) from exc


def _moment(age: timedelta | None) -> float:
    if age is None:
        return -math.inf
    return time.time() - age.total_seconds() if age else math.inf


def operations_to_let_go(context: Context, cutoff: float) -> int:
    """The last operation that is older than a moment, with all before it."""
    through = context.store.journal.expired
    for operation in context.store.journal.since(through):
        if operation.time.timestamp() >= cutoff:
            break
        through = operation.number
    return through


def parked_by(operations: Iterable[Operation]) -> set[str]:
    """The folders in ``parked/`` that operations put something into."""
    moves = (move for operation in operations for move in operation.moves if isinstance(move, Rename))
    return {move.target.split("/")[1] for move in moves if move.target.startswith("parked/")}


def bases(context: Context, parked: Iterable[Path]) -> set[CommitId]:
    """What worktrees name, present ones or parked as a whole: the commits below write layers, HEADs, searches."""
    folders = [worktree.folder for worktree in list_worktrees(context.layout)]
    for folder in parked:
        folders += [folder / "worktree", *folder.glob("worktrees/*/worktree")]
    paths = (folder / name for folder in folders for name in _NAMING)
    return {commit for path in paths if path.is_file() for commit in _named(path, path.read_text())}


def ids_of(operations: Iterable[Operation]) -> Iterator[ObjectId]:
    """Every Git object that operations name, which going back to before them may need."""
    for operation in operations:
        for move in operation.moves:
            if isinstance(move, RefMove):
                yield from (ObjectId(bytes.fromhex(value)) for value in (move.old, move.new) if value is not None)
            elif isinstance(move, FileMove):
                yield from (oid_of(commit) for commit in _of_file(move))


def oid_of(commit: CommitId) -> ObjectId:
    """A commit as a Git object."""
    return ObjectId(bytes.fromhex(commit.hex))


def _of_file(move: FileMove) -> set[CommitId]:
    texts = [text for text in (move.old, move.new) if text is not None]
    return {commit for text in texts for commit in _named(Path(move.path), text)}


def _named(path: Path, text: str) -> set[CommitId]:
    """The commits that a file of a worktree names."""
    read = _NAMING.get(path.name)
    return read(path, text) if read is not None else set()


def _of_record(path: Path, text: str) -> set[CommitId]:
    record = WorktreeRecord.from_json(load_record(text.encode(), path))
    return {record.base} if record.base is not None else set()


def _of_head(_path: Path, text: str) -> set[CommitId]:
    head = Head.from_text(text)
    return {head.commit} if head.commit is not None else set()


def _of_bisection(path: Path, text: str) -> set[CommitId]:
    search = Bisection.from_json(load_record(text.encode(), path))
    return {commit for _, commit in search.marks} | _of_head(path, search.head)


#: The files of a worktree that name commits.
_NAMING = {"worktree.json": _of_record, "HEAD": _of_head, "bisect.json": _of_bisection}


def reflogs(context: Context, cutoffs: Cutoffs) -> list[ReflogFile]:
    """Every reflog, without the entries that are too old."""

    def lets_go(ref: str, ids: tuple[ObjectId, ...], when: int) -> bool:
        if ref.startswith("refs/layerctl/operations/") or when >= max(cutoffs.reflog, cutoffs.unreachable):
            return False
        is_in_history = all(_is_in_history(context, ref, oid) for oid in ids)
        return when < (cutoffs.reflog if is_in_history else cutoffs.unreachable)

    return read_reflogs(context.layout.git, lets_go)


def _is_in_history(context: Context, ref: str, oid: ObjectId) -> bool:
    git, tip = context.store.git, context.store.git.ref(ref)
    if tip is None or not git.has(oid):
        return False
    is_branch = not ref.startswith("refs/tags/")
    return tip == oid.hex() or (is_branch and git.is_ancestor(CommitId(oid.hex()), CommitId(tip)))
