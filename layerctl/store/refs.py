"""Git's refs and reflogs as files, every change synced before it counts as made.

A move takes the ref's lock, writes the reflog, then the ref: a process that dies in between leaves at most a line too
many, which :func:`layerctl.store.reflogs.take_back_entry` removes. Source of the formats and of the protocol of locks:
Git's ``gitrepository-layout(5)``, ``git-pack-refs(1)`` and ``git-check-ref-format(1)``.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Conflict, Damaged, RefMoved
from layerctl.store.objectformat import format_signature, is_hex_id

if TYPE_CHECKING:
    from layerctl.model.commit import Author
    from layerctl.model.operation import RefMove
    from layerctl.store.durable import Durability

NOTHING = "0" * 40
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
_DEEPEST = 5


def is_ref_name(name: str) -> bool:
    """Whether a full name is one that Git takes; ``HEAD`` and its like are no names here."""
    if not name.startswith("refs/") or name.endswith(("/", ".")) or _FORBIDDEN.search(name):
        return False
    return all(part and not part.startswith(".") and not part.endswith(".lock") for part in name.split("/"))


class Refs:
    """The refs of a bare repository.

    Args:
        git: the repository.
    """

    def __init__(self, git: Path) -> None:
        self._git = git
        self._packed_mark: tuple[int, int, int] | None = None
        self._packed_refs: dict[str, str] = {}

    def read(self, name: str) -> str | None:
        """The hex id that a full ref name leads to; None if there is no such ref.

        Raises:
            Damaged: what it says cannot be understood.
        """
        for _ in range(_DEEPEST):
            if not is_ref_name(name):
                return None
            text = self._text(name)
            if text is None:
                return self._packed().get(name)
            if is_hex_id(text):
                return text
            if not text.startswith("ref: "):
                raise Damaged(f"the ref {name} is damaged: it names no object")
            name = text[5:]
        raise Damaged(f"the ref {name} is damaged: it leads in a circle")

    def all(self, prefix: str = "refs/") -> dict[str, str]:
        """Full names and hex ids of all refs below a prefix, sorted by name."""
        names = {name for name in self._packed() if name.startswith(prefix)}
        names.update(name for name in self._loose() if name.startswith(prefix))
        found = ((name, self.read(name)) for name in sorted(names))
        return {name: target for name, target in found if target is not None}

    def names(self) -> set[str]:
        """Full names of all refs."""
        return {*self._packed(), *self._loose()}

    def move(self, move: RefMove, author: Author, durability: Durability) -> None:
        """Makes one ref move.

        Raises:
            RefMoved: the ref is not where it was.
            layerctl.errors.Conflict: another ref is in the way.
            FileExistsError: somebody holds its lock.
        """
        with self._locked(move.ref) as fd:
            if self.read(move.ref) != move.old:
                raise RefMoved(f"{move.ref} was moved by somebody else")
            if move.new is None:
                self._delete(move.ref, durability)
                return
            if move.old is None:
                self._make_room(move.ref)
            _write(fd, move.new.encode() + b"\n", move.ref)
            if durability.enabled:
                os.fsync(fd)
            self._log(move, author, durability)
            os.rename(self._git / f"{move.ref}.lock", self._git / move.ref)
            durability.sync_dir((self._git / move.ref).parent)

    def _make_room(self, name: str) -> None:
        """Empty folders that deleted refs left do not stand in a new ref's way; other refs do."""
        if any(other.startswith(f"{name}/") or name.startswith(f"{other}/") for other in self._packed()):
            raise _in_the_way(name)
        for top in (self._git, self._git / "logs"):
            if (top / name).is_dir():
                try:
                    _remove_empty(top / name)
                except OSError as exc:
                    raise _in_the_way(name) from exc

    @contextmanager
    def _locked(self, name: str) -> Iterator[int]:
        lock = self._git / f"{name}.lock"
        fd = _create(lock, name)
        try:
            yield fd
        finally:
            _release(lock, fd)

    def _delete(self, name: str, durability: Durability) -> None:
        """Its reflog goes first: once a ref is gone, nobody looks for one."""
        self._remove(self._git / "logs", name, durability)
        if name in self._packed():
            self._drop_packed(name, durability)
        self._remove(self._git, name, durability)

    @staticmethod
    def _remove(top: Path, name: str, durability: Durability) -> None:
        path = top / name
        with suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
            durability.sync_dir(path.parent)
            _prune(path.parent, top / "refs")

    def _drop_packed(self, name: str, durability: Durability) -> None:
        """Takes a ref out of ``packed-refs``, with what it says of a tag's target."""
        path, lock = self._git / "packed-refs", self._git / "packed-refs.lock"
        fd = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            kept, skip = [], False
            for line in path.read_bytes().splitlines(keepends=True):
                skip = line.rstrip(b"\n").endswith(b" " + os.fsencode(name)) or (skip and line.startswith(b"^"))
                if not skip:
                    kept.append(line)
            with open(fd, "wb", closefd=False) as file:
                file.writelines(kept)
            if durability.enabled:
                os.fsync(fd)
            os.rename(lock, path)
            durability.sync_dir(self._git)
        finally:
            _release(lock, fd)

    def _log(self, move: RefMove, author: Author, durability: Durability) -> None:
        message = " ".join(move.message.split("\n"))
        who = format_signature(author, datetime.now().astimezone())
        line = f"{move.old or NOTHING} {move.new or NOTHING} {who}\t{message}\n".encode("utf-8", "surrogateescape")
        names = [move.ref, *(["HEAD"] if self._head() == move.ref else [])]
        for name in names:
            _append(self._git / "logs" / name, line, durability)

    def _head(self) -> str | None:
        """The ref that the repository's own HEAD names."""
        text = _read(self._git / "HEAD")
        return text[5:] if text is not None and text.startswith("ref: ") else None

    def _text(self, name: str) -> str | None:
        return _read(self._git / name)

    def _loose(self) -> Iterator[str]:
        for folder, _, files in os.walk(self._git / "refs"):
            below = os.path.relpath(folder, self._git)
            yield from (f"{below}/{file}" for file in files if is_ref_name(f"{below}/{file}"))

    def _packed(self) -> dict[str, str]:
        path = self._git / "packed-refs"
        try:
            status = path.stat()
            mark = (status.st_ino, status.st_size, status.st_mtime_ns)
            if mark != self._packed_mark:
                lines = path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
                rows = (line.partition(" ") for line in lines if line[:1] not in ("#", "^", ""))
                self._packed_refs = {name: target for target, _, name in rows if is_hex_id(target)}
                self._packed_mark = mark
        except FileNotFoundError:
            return {}
        return self._packed_refs


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape").rstrip("\n")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None


def _create(lock: Path, name: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(lock, flags, 0o600)
    except FileNotFoundError:
        pass
    except NotADirectoryError as exc:
        raise _in_the_way(name) from exc
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as exc:
        raise _in_the_way(name) from exc
    return os.open(lock, flags, 0o600)


def _release(lock: Path, fd: int) -> None:
    """Removes a lock unless it has become the file itself: then that name may be somebody else's lock by now."""
    try:
        with suppress(FileNotFoundError):
            if os.path.samestat(os.stat(lock), os.fstat(fd)):
                lock.unlink()
    finally:
        os.close(fd)


def _write(fd: int, data: bytes, name: str) -> None:
    if os.write(fd, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)


def _append(path: Path, line: bytes, durability: Durability) -> None:
    """Adds a line to a reflog, or leaves it as it was."""
    is_new = not path.is_file()
    if is_new:
        _make_parents(path, durability)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(fd).st_size
        try:
            _write(fd, line, os.fspath(path))
            if durability.enabled:
                os.fsync(fd)
        except OSError:
            os.ftruncate(fd, size)
            raise
    finally:
        os.close(fd)
    if is_new:
        durability.sync_dir(path.parent)


def _make_parents(path: Path, durability: Durability) -> None:
    missing = []
    folder = path.parent
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        durability.sync_dir(new.parent)


def _remove_empty(path: Path) -> None:
    """Removes a folder that holds nothing but empty folders; anything else stays.

    Raises:
        OSError: there is something in it.
    """
    for folder, _, _ in os.walk(path, topdown=False):
        os.rmdir(folder)


def _prune(folder: Path, top: Path) -> None:
    """Removes folders that a deletion left empty, but those of a kind of refs (``refs/heads``)."""
    with suppress(OSError):
        while folder.parent != top and folder != top:
            folder.rmdir()
            folder = folder.parent


def _in_the_way(name: str) -> Conflict:
    return Conflict(f"cannot make {name}: another ref is in the way", hint="use another name")
