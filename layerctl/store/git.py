"""The Git repository below ``.layerctl/git``: objects, refs, reflogs and config, through libgit2.

libgit2 syncs nothing by default. Objects are flushed in bulk by the caller (one syncfs); refs and reflogs are synced
by libgit2 itself (``ENABLE_FSYNC_GITDIR``), which is on only while the ref database is opened, because it would
also sync every loose object on its own.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pygit2
from pygit2.enums import FileMode, ObjectType, Option, SortMode

from layerctl.errors import Conflict, Damaged, RefMoved, RefNotFound, UsageError
from layerctl.layer.remove import remove_tree
from layerctl.model.commit import Author
from layerctl.model.ids import CommitId, ObjectId
from layerctl.store.durable import Durability
from layerctl.store.pack import write_pack
from layerctl.store.reflogs import take_back_entry
from layerctl.store.refusals import as_system_error, system_errors

if TYPE_CHECKING:
    from layerctl.model.operation import RefMove

_CONFIG = {
    "core.logAllRefUpdates": "always",
    "gc.auto": "0",
    "core.sharedRepository": "0600",
}
#: From so many objects on, a pack is faster than loose files.
_PACK_FROM = 64
#: Plain Git holds a ref's lock for milliseconds.
_STALE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ReflogEntry:
    """One line of a reflog.

    Attributes:
        old: id before; None for a creation.
        new: id after; None for a deletion.
        author: who.
        date: when, timezone-aware.
        message: why.
    """

    old: str | None
    new: str | None
    author: Author
    date: datetime
    message: str


def to_datetime(seconds: int, offset_minutes: int) -> datetime:
    """A Git time as a timezone-aware datetime."""
    return datetime.fromtimestamp(seconds, timezone(timedelta(minutes=offset_minutes)))


def to_signature(author: Author, when: datetime) -> pygit2.Signature:
    """A Git signature."""
    offset = when.utcoffset() or timedelta(0)
    return pygit2.Signature(author.name, author.email, int(when.timestamp()), int(offset.total_seconds() // 60))


class GitRepository:
    """The object database and the refs of one repository. Implements ``snapshot.objects.ObjectStore``.

    Args:
        path: the bare repository; ``tmp`` beside it is for files that are being written.
    """

    def __init__(self, path: Path) -> None:
        pygit2.option(Option.SET_OWNER_VALIDATION, False)
        pygit2.option(Option.ENABLE_STRICT_HASH_VERIFICATION, False)
        try:
            self._repo = pygit2.Repository(str(path))
        except pygit2.GitError as exc:
            raise Damaged(f"cannot open the Git repository {path}: {exc}") from exc
        self._odb = self._repo.odb
        #: whether refs are synced as they are written; to be set before the first is.
        self.sync_refs = True
        self._refs_are_synced = False

    @staticmethod
    def create(path: Path, branch: str) -> None:
        """Makes an empty bare repository whose HEAD names ``branch``; goes on where a killed process stopped."""
        _remove_half_made(path)
        with system_errors():
            pygit2.init_repository(str(path), bare=True, initial_head=branch)
        for key, value in _CONFIG.items():
            GitRepository(path).config_set(key, value)

    @property
    def raw(self) -> pygit2.Repository:
        """The libgit2 repository, for the other modules of this package."""
        return self._repo

    # objects

    def read(self, oid: ObjectId) -> bytes:
        """The raw bytes of an object.

        Raises:
            Damaged: it is missing or broken.
        """
        try:
            _, data = self._odb.read(pygit2.Oid(raw=oid))
        except (KeyError, pygit2.GitError) as exc:
            raise Damaged(f"Git object {oid.hex()} is missing or broken") from exc
        return bytes(data)

    def write_blob(self, data: bytes) -> ObjectId:
        """Stores a blob."""
        return self._write(ObjectType.BLOB, data)

    def write_tree(self, data: bytes) -> ObjectId:
        """Stores a tree in canonical encoding."""
        return self._write(ObjectType.TREE, data)

    def has(self, oid: ObjectId) -> bool:
        """Whether an object is stored."""
        return pygit2.Oid(raw=oid) in self._odb

    def write_many(self, objects: list[tuple[ObjectId, bool, bytes]]) -> None:
        """Stores ``(id, is_tree, data)`` rows, none of which is stored yet; many of them as one pack."""
        if len(objects) >= _PACK_FROM:
            write_pack(Path(self._repo.path, "objects", "pack"), objects)
            return
        for _, is_tree, data in objects:
            self._write(ObjectType.TREE if is_tree else ObjectType.BLOB, data)

    def _write(self, kind: ObjectType, data: bytes) -> ObjectId:
        with system_errors():
            return ObjectId(self._odb.write(kind, data).raw)

    # refs

    def ref(self, name: str) -> str | None:
        """The hex id that a full ref name leads to (a tag object stays one), or None."""
        try:
            return str(self._repo.lookup_reference(name).resolve().target)
        except (KeyError, pygit2.InvalidSpecError):
            return None
        except pygit2.GitError as exc:
            raise Damaged(f"the ref {name} is damaged: {exc}") from exc

    def refs(self, prefix: str = "refs/") -> dict[str, str]:
        """Full names and hex ids of all refs below a prefix, sorted by name."""
        names = sorted(name for name in self._repo.references if name.startswith(prefix))
        found = ((name, self.ref(name)) for name in names)
        return {name: target for name, target in found if target is not None}

    @staticmethod
    def check_ref_name(name: str) -> None:
        """Raises UsageError unless ``name`` is a well-formed full ref name."""
        short = name.split("/", 2)[-1]
        if not pygit2.reference_is_valid_name(name) or short.startswith("-") or short in ("HEAD", "@"):
            raise UsageError(f"'{name.split('/', 2)[-1]}' is not a valid name", hint="see 'git help check-ref-format'")

    def check_new_ref(self, name: str, gone: Container[str] = ()) -> None:
        """Raises Conflict if a ref that is not about to go is in the way: ``a`` and ``a/b`` cannot both be."""
        for other in self._repo.references:
            if other in gone:
                continue
            if other.startswith(name + "/") or name.startswith(other + "/"):
                raise Conflict(f"cannot make {name}: there is {other} already", hint="use another name")

    def move_ref(self, move: RefMove, author: Author, *, again: bool = False) -> None:
        """Makes one ref move; does nothing if it was made before.

        Args:
            move: the move.
            author: who makes it, for the reflog.
            again: it may have been begun before, by a process that died.

        Raises:
            RefMoved: the ref is neither where it was nor where it goes.
            Damaged: there is no such commit, or it cannot be read.
        """
        current = self.ref(move.ref)
        if current == move.new:
            return
        if current != move.old:
            raise RefMoved(f"{move.ref} was moved by somebody else, to {current}")
        if again:
            take_back_entry(Path(self._repo.path), move)
        self._repo.set_ident(author.name, author.email)
        try:
            self._sync_refs_from_now_on()
            self._set_despite_stale_lock(move)
        except pygit2.AlreadyExistsError as exc:
            raise Conflict(f"cannot set {move.ref}: {exc}") from exc
        except (pygit2.GitError, ValueError, OSError) as exc:
            refused = as_system_error(exc)
            if refused is not None:
                raise refused from exc
            if "target OID" in str(exc):  # libgit2 takes any object that it could not read for none
                raise Damaged(f"cannot move {move.ref}: commit {move.new} is missing or cannot be read") from exc
            raise Conflict(f"cannot move {move.ref}: {exc}", hint="is another Git program at work in here?") from exc

    def _set_despite_stale_lock(self, move: RefMove) -> None:
        """Moves a ref; a lock that is still there after a while was left by a process that died."""
        deadline = time.monotonic() + _STALE_SECONDS
        while True:
            try:
                return self._set(move)
            except (pygit2.GitError, OSError) as exc:
                if as_system_error(exc) is not None or "lock" not in str(exc):
                    raise
            if time.monotonic() > deadline:
                self.drop_stale_locks([move.ref])
                return self._set(move)
            time.sleep(0.02)

    def _set(self, move: RefMove) -> None:
        if move.new is None:
            self._repo.references.delete(move.ref)
            self._sync_parent(move.ref)
        elif move.old is None:
            self._repo.create_reference_direct(move.ref, pygit2.Oid(hex=move.new), False, move.message)
        else:
            self._repo.lookup_reference(move.ref).set_target(pygit2.Oid(hex=move.new), move.message)

    def _sync_parent(self, ref: str) -> None:
        """libgit2 syncs what it writes, but not what it removes."""
        folder = Path(self._repo.path, ref).parent
        while not folder.is_dir():
            folder = folder.parent
        Durability(self.sync_refs).sync_dir(folder)

    def _sync_refs_from_now_on(self) -> None:
        """libgit2 asks whether refs are to be synced once, when it opens its ref database."""
        if self._refs_are_synced or not self.sync_refs:
            return
        pygit2.option(Option.ENABLE_FSYNC_GITDIR, True)
        try:
            self._repo.set_refdb(pygit2.Refdb.open(self._repo))
        finally:
            pygit2.option(Option.ENABLE_FSYNC_GITDIR, False)
        self._refs_are_synced = True

    def drop_stale_locks(self, refs: list[str]) -> None:
        """Removes ref locks that a killed process left; only while the repository's own lock is held."""
        for name in [*refs, "packed-refs"]:
            Path(self._repo.path, f"{name}.lock").unlink(missing_ok=True)

    def reflog(self, name: str) -> list[ReflogEntry]:
        """A ref's history, newest first.

        Raises:
            RefNotFound: there is no such ref.
        """
        try:
            entries = self._repo.lookup_reference(name).log()
        except (KeyError, pygit2.InvalidSpecError) as exc:
            raise RefNotFound(f"no such ref: {name}") from exc
        return [_reflog_entry(entry) for entry in entries]

    # config

    def config_get(self, key: str) -> str | None:
        """One value from the repository's, the user's or the system's Git config."""
        try:
            return str(self._repo.config[key])
        except KeyError:
            return None
        except (pygit2.GitError, ValueError) as exc:
            raise UsageError(f"'{key}' is not a valid config key", hint="keys look like section.name") from exc

    def config_set(self, key: str, value: str | None) -> None:
        """Sets or (None) removes a value in the repository's config.

        libgit2 syncs no config, and its lock stays when it is killed: it edits a copy in the repository's ``tmp``.
        """
        path = Path(self._repo.path, "config")
        with tempfile.TemporaryDirectory(prefix="config-", dir=path.parents[1] / "tmp") as folder:
            copy = Path(folder, "config")
            copy.write_bytes(path.read_bytes())
            with system_errors():
                self._edit(pygit2.Config(str(copy)), key, value)
            Durability(self.sync_refs).write(path, copy.read_bytes())

    @staticmethod
    def _edit(config: pygit2.Config, key: str, value: str | None) -> None:
        try:
            if value is None:
                del config[key]
            else:
                config[key] = value
        except KeyError as exc:
            raise RefNotFound(f"no config value '{key}'") from exc
        except (pygit2.GitError, ValueError) as exc:
            if as_system_error(exc) is not None:
                raise
            raise UsageError(f"cannot set '{key}': {exc}", hint="keys look like section.name") from exc

    def config_list(self) -> list[tuple[str, str]]:
        """All values of the repository's own config, in file order."""
        config = pygit2.Config(str(Path(self._repo.path, "config")))
        return [(entry.name, entry.value or "") for entry in config]

    # history

    def walk(self, starts: list[CommitId], hidden: list[CommitId]) -> Iterator[CommitId]:
        """Commits reachable from ``starts`` but not from ``hidden``, newest first, children before their parents."""
        walker = self._repo.walk(None, SortMode.TOPOLOGICAL | SortMode.TIME)
        try:
            for commit in starts:
                walker.push(pygit2.Oid(hex=commit.hex))
            for commit in hidden:
                walker.hide(pygit2.Oid(hex=commit.hex))
            for found in walker:
                yield CommitId(str(found.id))
        except (pygit2.GitError, KeyError) as exc:
            raise Damaged(f"the history is broken: {_one_line(exc)}") from exc

    def is_ancestor(self, ancestor: CommitId, descendant: CommitId) -> bool:
        """Whether one commit is the other or one of its ancestors."""
        if ancestor == descendant:
            return True
        return self._repo.descendant_of(pygit2.Oid(hex=descendant.hex), pygit2.Oid(hex=ancestor.hex))

    def merge_base(self, one: CommitId, other: CommitId) -> CommitId | None:
        """The best common ancestor of two commits, or None."""
        found: pygit2.Oid | None = self._repo.merge_base(pygit2.Oid(hex=one.hex), pygit2.Oid(hex=other.hex))
        return CommitId(str(found)) if found is not None else None

    def tag_message(self, ref: str) -> str | None:
        """The message of an annotated tag; None for a lightweight one."""
        target = self._repo[self._repo.lookup_reference(ref).resolve().target]
        return target.message.rstrip("\n") if isinstance(target, pygit2.Tag) else None

    def create_tag_object(self, name: str, target: CommitId, author: Author, when: datetime, message: str) -> str:
        """Writes an annotated tag object without a ref; returns its hex id."""
        signature = to_signature(author, when)
        zone = f"{signature.offset // 60:+03d}{abs(signature.offset) % 60:02d}"
        text = (
            f"object {target}\ntype commit\ntag {name}\n"
            f"tagger {author.name} <{author.email}> {signature.time} {zone}\n\n{message.rstrip()}\n"
        )
        return self._write(ObjectType.TAG, text.encode()).hex()


def _remove_half_made(path: Path) -> None:
    """Removes what a creation left that was cut short, locks and empty files included; never objects or refs."""
    folders = (path / "objects", path / "refs")
    holds_any = any(found.is_file() for folder in folders for found in folder.rglob("*"))
    if holds_any or (path / "packed-refs").exists():
        return
    remove_tree(path)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def tree_rows(rows: list[tuple[bytes, bool, ObjectId]]) -> bytes:
    """Encodes a small tree: ``(name, is_tree, id)`` rows in Git's order."""
    rows.sort(key=lambda row: row[0] + b"/" if row[1] else row[0])
    modes = {True: b"%o" % FileMode.TREE, False: b"%o" % FileMode.BLOB}
    return b"".join(b"%s %s\0%s" % (modes[is_tree], name, oid) for name, is_tree, oid in rows)


def _reflog_entry(entry: pygit2.RefLogEntry) -> ReflogEntry:
    def known(oid: pygit2.Oid) -> str | None:
        return str(oid) if any(oid.raw) else None

    who = entry.committer
    return ReflogEntry(
        known(entry.oid_old),
        known(entry.oid_new),
        Author(who.name, who.email),
        to_datetime(who.time, who.offset),
        entry.message,
    )
