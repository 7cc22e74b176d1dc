"""What a repository was like earlier, told by the operations since.

A write layer that a commit used up is in a layer now, and its worktree went on with an empty one over that layer's
commit: the same rootfs in another form. Going back to a time before the commit means that form. A stash uses a write
layer up in the same way, but its worktree goes on over HEAD's commit; going back means an empty write layer over the
stash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from layerctl.model.operation import FileMove, Move, Operation, RefMove, Rename
from layerctl.values import field, frozen

_FOLDER = "worktrees"


@frozen
class PastRef:
    """A ref that was moved since.

    Attributes:
        then: where it was; None if it did not exist.
        last: where the last operation put it.
    """

    then: str | None
    last: str | None


@frozen
class PastWorktree:
    """A worktree that was changed since. Paths are relative to the repository and say where something is now.

    Attributes:
        folder: the worktree's folder; None if there was no such worktree.
        head: the content of its HEAD; None if that was not changed.
        upper: its write layer; None if there was none, or if it was deleted since.
        record: the record that belongs to the write layer; None if both are as they were.
        files: the content of other small files in the folder that were changed; None is "does not exist".
    """

    folder: str | None
    head: str | None = None
    upper: str | None = None
    record: str | None = None
    files: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def has_same_rootfs(self) -> bool:
        """Whether the write layer is still in its worktree's folder."""
        return self.folder is not None and self.upper == f"{self.folder}/upper"


@frozen
class Past:
    """An earlier state, as far as it differs from the present one.

    Attributes:
        refs: by full name.
        worktrees: by name.
    """

    refs: Mapping[str, PastRef]
    worktrees: Mapping[str, PastWorktree]


def look_back(operations: Sequence[Operation]) -> Past:
    """The state before some operations.

    Args:
        operations: all that there were since, oldest first.
    """
    names = {name for operation in operations for move in operation.moves for name in _worktrees_of(move)}
    return Past(_refs(operations), {name: _follow(name, operations) for name in sorted(names)})


def _refs(operations: Sequence[Operation]) -> dict[str, PastRef]:
    found: dict[str, PastRef] = {}
    for operation in operations:
        for move in operation.moves:
            if isinstance(move, RefMove) and not move.keep:
                before = found.get(move.ref)
                found[move.ref] = PastRef(before.then if before is not None else move.old, move.new)
    return found


def _worktrees_of(move: Move) -> Iterator[str]:
    paths = (move.source, move.target) if isinstance(move, Rename) else ()
    for path in (move.path,) if isinstance(move, FileMove) else paths:
        top, _, rest = path.partition("/")
        if top == _FOLDER:
            yield rest.partition("/")[0]


def _follow(name: str, operations: Sequence[Operation]) -> PastWorktree:
    follower = _Follower(f"{_FOLDER}/{name}")
    for operation in operations:
        if not follower.follow(operation):
            return PastWorktree(None)
    return follower.result()


class _Follower:
    """Follows one worktree's folder and write layer through operations, by the names that they are given."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._upper: str | None = f"{folder}/upper"
        self._head: str | None = None
        self._record: str | None = None
        self._files: dict[str, str | None] = {}

    def follow(self, operation: Operation) -> bool:
        """Takes one operation into account; False if it turns out that there was no such worktree before."""
        was_in_place = self._is_in_place
        records: list[FileMove] = []
        for move in operation.moves:
            if isinstance(move, Rename):
                if move.target == self._folder:
                    return False
                self._rename(move)
            elif isinstance(move, FileMove) and move.path == f"{self._folder}/HEAD":
                if move.old is None:
                    return False
                self._head = move.old if self._head is None else self._head
            elif isinstance(move, FileMove) and move.path == f"{self._folder}/worktree.json":
                records.append(move)
            elif isinstance(move, FileMove) and move.path.startswith(f"{self._folder}/"):
                self._files.setdefault(move.path.removeprefix(f"{self._folder}/"), move.old)
        if len(records) > 1 and was_in_place:  # a stash: first the write layer was used up, then another base came
            self._upper, self._record = None, records[-1].old
        elif records:
            self._take_record(records[-1], was_in_place)
        return True

    def result(self) -> PastWorktree:
        """Where everything is now."""
        record = None if self._is_in_place else self._record
        return PastWorktree(self._folder, self._head, self._upper, record, self._files)

    @property
    def _is_in_place(self) -> bool:
        return self._upper == f"{self._folder}/upper"

    def _rename(self, move: Rename) -> None:
        if move.target == self._upper:  # so nothing was there
            self._upper = None
        self._folder = _renamed(self._folder, move)
        if self._upper is not None:
            moved = _renamed(self._upper, move)
            self._upper = moved if not moved.startswith("tmp/") else None

    def _take_record(self, move: FileMove, was_in_place: bool) -> None:
        if self._is_in_place:
            self._record = move.new
        elif was_in_place and move.keep:
            self._upper, self._record = f"{self._folder}/upper", None
        elif was_in_place:
            self._record = move.old


def _renamed(path: str, move: Rename) -> str:
    if path == move.source or path.startswith(f"{move.source}/"):
        return move.target + path.removeprefix(move.source)
    return path
