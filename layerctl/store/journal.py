"""Operations, made durable before they are made.

An operation is first written down whole (``journal/pending.json``, synced): that is the moment at which it has
happened. Then its moves are made, each of which can be repeated, and the record goes to ``journal/ops/``. A crash
before that moment leaves nothing but garbage in ``tmp/``; a crash after it is finished by whichever command comes next.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Damaged, NotFound, RefMoved, Unfinished
from layerctl.model.commit import Author
from layerctl.model.operation import FileMove, Operation, RefMove, Rename
from layerctl.store.record import dump_record, load_record

if TYPE_CHECKING:
    from layerctl.store.durable import Durability
    from layerctl.store.git import GitRepository
    from layerctl.store.layout import Layout

#: In the name of a record, so that names sort as their numbers do.
_DIGITS = 10
_DEFERRED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Journal:
    """The pending operation and the operation log of one repository.

    Callers hold the repository's apply lock.
    """

    def __init__(self, layout: Layout, git: GitRepository, durability: Durability) -> None:
        self._layout = layout
        self._git = git
        self._durability = durability
        self._pending = layout.journal / "pending.json"
        self._log = layout.journal / "ops"

    @property
    def has_pending(self) -> bool:
        """Whether an operation was interrupted (or is being applied right now)."""
        return self._pending.exists()

    def recover(self) -> Operation | None:
        """Finishes an interrupted operation; returns it, or None if there was none.

        Raises:
            Unfinished: the disk still refuses a part of it.
        """
        if not self.has_pending:
            return None
        operation = Operation.from_json(load_record(self._pending.read_bytes(), self._pending))
        self._git.drop_stale_locks([move.ref for move in operation.moves if isinstance(move, RefMove)])
        with _undisturbed(), self._owned_up(operation):
            self._apply(operation, again=True)
        return operation

    def perform(self, operation: Operation) -> None:
        """Makes an operation happen.

        Raises:
            RefMoved: a ref is not where the operation expects it; nothing was changed.
            Conflict: a new ref's name cannot be beside another's; nothing was changed.
            Unfinished: the disk refused a part of it; whoever comes next finishes it.
        """
        self.check(operation)
        with _undisturbed(), self._owned_up(operation):
            self._durability.write(self._pending, dump_record(operation.to_json()))
            self._apply(operation)

    def check(self, operation: Operation) -> None:
        """Whether an operation could happen now; changes nothing. Raises as :meth:`perform`."""
        refs = [move for move in operation.moves if isinstance(move, RefMove)]
        gone = frozenset(move.ref for move in refs if move.new is None)
        for move in refs:
            if self._git.ref(move.ref) != move.old:
                raise RefMoved(f"{move.ref} was moved meanwhile by somebody else")
            if move.old is None and not move.ref.startswith("refs/layerctl/"):
                self._git.check_new_ref(move.ref, gone)

    @contextmanager
    def _owned_up(self, operation: Operation) -> Iterator[None]:
        """Says of a failure that comes after the record that the operation has happened all the same."""
        try:
            yield
        except OSError as exc:
            where = f": {exc.filename}" if exc.filename else ""
            reason = f"{(exc.strerror or str(exc)).lower()}{where}"
            what = f"operation {operation.number} ({operation.verb})"
            if self.has_pending:
                raise Unfinished(f"{what} is recorded, but could not be finished: {reason}") from exc
            if self._path(operation.number).exists():
                raise Unfinished(f"{what} is made, but may not survive a power cut: {reason}") from exc
            raise

    def next_number(self) -> int:
        """The number of the operation to come."""
        last = max(self._names(), default="0")
        return max(_number(last), self.expired) + 1

    @property
    def expired(self) -> int:
        """The last operation that gc let go: nothing goes back to before it; 0 if there is none."""
        path = self._layout.journal / "expired.json"
        return int(load_record(path.read_bytes(), path)["through"]) if path.exists() else 0

    def expire(self, through: int) -> None:
        """Lets operations go, up to one; what they keep is no longer needed from here on."""
        if through > self.expired:
            self._durability.write(self._layout.journal / "expired.json", dump_record({"through": through}))

    def drop_expired(self) -> None:
        """Deletes the records of operations that were let go."""
        gone = [number for number in self._all_numbers() if number <= self.expired]
        for number in gone:
            self._path(number).unlink(missing_ok=True)
        if gone:
            self._durability.sync_dir(self._log)

    def operations(self) -> Iterator[Operation]:
        """The operation log, newest first."""
        for number in sorted(self._numbers(), reverse=True):
            yield self.read(number)

    def newest(self) -> Operation | None:
        """The last operation; None if there is none."""
        last = self.next_number() - 1
        return self.read(last) if last > self.expired else None

    def since(self, number: int) -> list[Operation]:
        """The operations after one, oldest first.

        Args:
            number: of an operation; 0 for the time before the first.

        Raises:
            NotFound: there is none of that number, or gc let go of it.
        """
        if number < self.expired:
            raise NotFound(
                f"operation {number} is too old: gc let go of everything up to operation {self.expired}",
                hint="'layerctl op log' lists what can be restored",
            )
        if number > self.expired:
            self.read(number)
        return [self.read(later) for later in sorted(self._numbers()) if later > number]

    def read(self, number: int) -> Operation:
        """One operation.

        Raises:
            NotFound: there is none of that number.
        """
        path = self._path(number)
        try:
            data = path.read_bytes()
        except FileNotFoundError as exc:
            raise NotFound(f"no operation {number}", hint="'layerctl op log' lists them") from exc
        return Operation.from_json(load_record(data, path))

    def _numbers(self) -> list[int]:
        expired = self.expired
        return [number for number in self._all_numbers() if number > expired]

    def _all_numbers(self) -> list[int]:
        return [_number(name) for name in self._names()]

    def _names(self) -> list[str]:
        try:
            return [name for name in os.listdir(self._log) if name[0].isdigit() and name[_DIGITS:] == ".json"]
        except FileNotFoundError:
            return []

    def _path(self, number: int) -> Path:
        return self._log / f"{number:0{_DIGITS}d}.json"

    def _apply(self, operation: Operation, *, again: bool = False) -> None:
        name, _, rest = operation.author.partition(" <")
        author = Author(name, rest.rstrip(">"))
        changed: set[Path] = set()
        for move in operation.moves:
            if isinstance(move, Rename):
                changed |= self._rename(move)
            elif isinstance(move, FileMove):
                changed |= self._write(move)
        for path in changed:
            if path.exists():
                self._durability.sync_dir(path)
        for move in operation.moves:
            if isinstance(move, RefMove):
                self._move_ref(move, author, again=again)
        self._log.mkdir(exist_ok=True)
        os.rename(self._pending, self._path(operation.number))
        self._durability.sync_dir(self._log)
        self._durability.sync_dir(self._layout.journal)

    def _move_ref(self, move: RefMove, author: Author, *, again: bool) -> None:
        try:
            self._git.move_ref(move, author, again=again)
        except RefMoved:  # by plain Git, after the interruption: that is the newer decision
            if not again:
                raise

    def _rename(self, move: Rename) -> set[Path]:
        source, target = self._layout.root / move.source, self._layout.root / move.target
        if _exists(target):  # it is never there beforehand, so this was done before the interruption
            return set()
        if not _exists(source):
            raise Damaged(f"{source} is missing; an interrupted operation needs it")
        made = _make_parents(target.parent)
        os.rename(source, target)
        return {source.parent, target.parent, *made}

    def _write(self, move: FileMove) -> set[Path]:
        path = self._layout.root / move.path
        made = _make_parents(path.parent)
        if move.new is None:
            path.unlink(missing_ok=True)
        else:
            self._durability.write(path, move.new.encode(), sync_dir=False)
        return {path.parent, *made}


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Lets Ctrl-C and its like wait for the few milliseconds in which an operation is made.

    By handlers and not by a signal mask: a mask holds for one thread, and the others would take the signal.
    """
    import threading  # noqa: PLC0415 (who only reads does without)

    if threading.current_thread() is not threading.main_thread():
        yield  # Python runs signal handlers in the main thread alone
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in _DEFERRED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
    for late in came:
        signal.raise_signal(late)


def _number(name: str) -> int:
    return int(name.partition(".")[0])


def _exists(path: Path) -> bool:
    return os.path.lexists(path)


def _make_parents(path: Path) -> set[Path]:
    """Makes a folder and returns every folder that got a new name in it by that."""
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(mode=0o700)
    return {folder.parent for folder in missing}
