"""The Git repository below ``.layerctl/git``: objects, refs, reflogs and config.

What every verb needs is done on Git's files here (:mod:`layerctl.store.objects`, ``refs``, ``gitconfig``, ``walk``):
to load libgit2 takes longer than most verbs work. What is rare, large or strange is left to libgit2. Objects are
flushed in bulk by the caller (one syncfs); refs and reflogs are synced as they are written.
"""

from __future__ import annotations

import re
import time
from collections.abc import Container, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Conflict, Damaged, RefMoved, RefNotFound, UsageError
from layerctl.layer.remove import remove_tree
from layerctl.model.ids import CommitId, ObjectId
from layerctl.store import gitconfig, objectformat
from layerctl.store.durable import Durability
from layerctl.store.objects import Objects
from layerctl.store.reflogs import take_back_entry
from layerctl.store.refs import Refs, is_ref_name
from layerctl.store.walk import LongHistory, walk

if TYPE_CHECKING:
    from datetime import datetime

    import pygit2

    from layerctl.model.commit import Author
    from layerctl.model.operation import RefMove
    from layerctl.store.libgit2 import LibGit2, ReflogEntry
    from layerctl.store.objectformat import CommitObject
    from layerctl.store.pack import PackWriter

_CONFIG = {
    "core.logAllRefUpdates": "always",
    "gc.auto": "0",
    "core.sharedRepository": "0600",
}
#: From so many objects on, a pack is faster than loose files.
_PACK_FROM = 64
#: Up to so many commits, a walk takes less time than to load libgit2.
_SHORT = 500
_PLAIN = re.compile(r"([^~^@:{}\s]+)((?:~\d*|\^\d*)*)\Z")
_STEP = re.compile(r"[~^]\d*")
#: Plain Git holds a ref's lock for milliseconds.
_STALE_SECONDS = 1.0


class GitRepository:
    """The object database and the refs of one repository. Implements ``snapshot.objects.ObjectStore``.

    Args:
        path: the bare repository; ``tmp`` beside it is for files that are being written.
        user_config: config files outside of it, the strongest first; None: those that libgit2 finds.
    """

    def __init__(self, path: Path, user_config: Sequence[Path] | None = None) -> None:
        if not (path / "HEAD").is_file() or not (path / "objects").is_dir() or not (path / "refs").is_dir():
            raise Damaged(f"cannot open the Git repository {path}: it lacks HEAD, objects or refs")
        self.path = path
        #: whether refs are synced as they are written.
        self.sync_refs = True
        self._user_config = user_config
        self._objects = Objects(path / "objects")
        self._refs = Refs(path)

    @staticmethod
    def create(path: Path, branch: str) -> None:
        """Makes an empty bare repository whose HEAD names ``branch``; goes on where a killed process stopped."""
        from layerctl.store.libgit2 import make_repository  # noqa: PLC0415 - slow to load

        _remove_half_made(path)
        make_repository(path, branch)
        for key, value in _CONFIG.items():
            GitRepository(path).config_set(key, value)

    @cached_property
    def _libgit2(self) -> LibGit2:
        from layerctl.store.libgit2 import LibGit2  # noqa: PLC0415 - slow to load

        return LibGit2(self.path)

    @property
    def raw(self) -> pygit2.Repository:
        """The libgit2 repository, for the other modules of this package."""
        return self._libgit2.raw

    # objects

    def find(self, oid: ObjectId) -> tuple[str, bytes]:
        """Type and content of an object.

        Raises:
            Damaged: it is missing or broken.
        """
        return self._objects.read(oid) or self._libgit2.read(oid)

    def read(self, oid: ObjectId) -> bytes:
        """The raw bytes of an object.

        Raises:
            Damaged: it is missing or broken.
        """
        return self.find(oid)[1]

    def write_blob(self, data: bytes) -> ObjectId:
        """Stores a blob."""
        return self._objects.write("blob", data)

    def write_tree(self, data: bytes) -> ObjectId:
        """Stores a tree in canonical encoding."""
        return self._objects.write("tree", data)

    def write_commit(self, commit: CommitObject) -> CommitId:
        """Stores a commit; moves no ref."""
        return CommitId(self._objects.write("commit", objectformat.format_commit(commit)).hex())

    def has(self, oid: ObjectId) -> bool:
        """Whether an object is stored."""
        found = self._objects.has(oid)
        if found is None:
            return self._libgit2.has(oid)
        return found

    def write_many(self, objects: list[tuple[ObjectId, bool, bytes]]) -> None:
        """Stores ``(id, is_tree, data)`` rows, none of which is stored yet; many of them as one pack."""
        if len(objects) >= _PACK_FROM:
            from layerctl.store.pack import write_pack  # noqa: PLC0415 - only large changes need it

            write_pack(self.path / "objects" / "pack", objects)
            self._objects.look_again()
            return
        for _, is_tree, data in objects:
            self._objects.write("tree" if is_tree else "blob", data)

    def begin_pack(self) -> PackWriter:
        """Begins a pack; what is put into it is not stored before :meth:`finish_pack`."""
        from layerctl.store.pack import PackWriter  # noqa: PLC0415 - only large changes need it

        return PackWriter(self.path / "objects" / "pack")

    def finish_pack(self, pack: PackWriter) -> None:
        """Stores the objects of a pack."""
        pack.finish()
        self._objects.look_again()

    # refs

    def ref(self, name: str) -> str | None:
        """The hex id that a full ref name leads to (a tag object stays one), or None."""
        return self._refs.read(name)

    def refs(self, prefix: str = "refs/") -> dict[str, str]:
        """Full names and hex ids of all refs below a prefix, sorted by name."""
        return self._refs.all(prefix)

    @staticmethod
    def check_ref_name(name: str) -> None:
        """Raises UsageError unless ``name`` is a well-formed full ref name."""
        short = name.split("/", 2)[-1]
        if not is_ref_name(name) or short.startswith("-") or short in ("HEAD", "@"):
            raise UsageError(f"'{name.split('/', 2)[-1]}' is not a valid name", hint="see 'git help check-ref-format'")

    def check_new_ref(self, name: str, gone: Container[str] = ()) -> None:
        """Raises Conflict if a ref that is not about to go is in the way: ``a`` and ``a/b`` cannot both be."""
        for other in self._refs.names():
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
        if move.new is not None and not self.has(ObjectId(bytes.fromhex(move.new))):
            raise Damaged(f"cannot move {move.ref}: commit {move.new} is missing or cannot be read")
        if again:
            take_back_entry(self.path, move)
        self._set_despite_stale_lock(move, author)

    def _set_despite_stale_lock(self, move: RefMove, author: Author) -> None:
        """Moves a ref; a lock that is still there after a while was left by a process that died."""
        deadline = time.monotonic() + _STALE_SECONDS
        while True:
            try:
                return self._set(move, author)
            except FileExistsError:
                if time.monotonic() > deadline:
                    self.drop_stale_locks([move.ref])
                    return self._set(move, author)
            time.sleep(0.02)

    def _set(self, move: RefMove, author: Author) -> None:
        self._refs.move(move, author, Durability(self.sync_refs))

    def drop_stale_locks(self, refs: list[str]) -> None:
        """Removes ref locks that a killed process left; only while the repository's own lock is held."""
        for name in [*refs, "packed-refs"]:
            (self.path / f"{name}.lock").unlink(missing_ok=True)

    def reflog(self, name: str) -> list[ReflogEntry]:
        """A ref's history, newest first.

        Raises:
            RefNotFound: there is no such ref.
        """
        return self._libgit2.reflog(name)

    # config

    def config_get(self, key: str) -> str | None:
        """One value from the repository's, the user's or the system's Git config."""
        try:
            found = gitconfig.read_value([self.path / "config", *(self._user_config or ())], key)
        except gitconfig.StrangeConfig:
            return self._libgit2.config(key)
        return self._libgit2.config(key) if found is None and self._user_config is None else found

    def config_set(self, key: str, value: str | None) -> None:
        """Sets or (None) removes a value in the repository's config.

        libgit2 syncs no config, and its lock stays when it is killed: it edits a copy in the repository's ``tmp``.
        """
        import tempfile  # noqa: PLC0415 - slow to load

        from layerctl.store.libgit2 import edit_config  # noqa: PLC0415

        path = self.path / "config"
        with tempfile.TemporaryDirectory(prefix="config-", dir=self.path.parent / "tmp") as folder:
            copy = Path(folder, "config")
            copy.write_bytes(path.read_bytes())
            edit_config(copy, key, value)
            Durability(self.sync_refs).write(path, copy.read_bytes())

    def config_list(self) -> list[tuple[str, str]]:
        """All values of the repository's own config, in file order."""
        from layerctl.store.libgit2 import list_config  # noqa: PLC0415 - slow to load

        return list_config(self.path / "config")

    # history

    def walk(self, starts: list[CommitId], hidden: list[CommitId]) -> Iterator[CommitId]:
        """Commits reachable from ``starts`` but not from ``hidden``, newest first, children before their parents."""
        starts = list(dict.fromkeys(starts))
        if len(starts) == 1 and not hidden:
            yield from self._line(starts[0])
        else:
            yield from self._whole(starts, hidden)

    def _line(self, commit: CommitId) -> Iterator[CommitId]:
        """From one commit on; up to a merge nothing has to be sorted, and a caller may want no more than that."""
        for _ in range(_SHORT):
            yield commit
            parents = list(map(CommitId, self._ancestry(commit.hex)[0]))
            if len(parents) != 1:
                yield from self._whole(parents, [])
                return
            [commit] = parents
        yield from self._whole([commit], [])

    def _whole(self, starts: list[CommitId], hidden: list[CommitId]) -> Iterator[CommitId]:
        try:
            found = list(walk([item.hex for item in starts], [item.hex for item in hidden], self._ancestry, _SHORT))
        except LongHistory:
            return self._libgit2.walk(starts, hidden)
        return map(CommitId, found)

    def is_ancestor(self, ancestor: CommitId, descendant: CommitId) -> bool:
        """Whether one commit is the other or one of its ancestors."""
        if ancestor == descendant:
            return True
        if ancestor.hex in self._ancestry(descendant.hex)[0]:
            return True
        try:
            return ancestor.hex in walk([descendant.hex], [], self._ancestry, _SHORT)
        except LongHistory:
            return self._libgit2.is_ancestor(ancestor, descendant)

    def merge_base(self, one: CommitId, other: CommitId) -> CommitId | None:
        """The best common ancestor of two commits, or None."""
        return self._libgit2.merge_base(one, other)

    def resolve(self, revision: str) -> CommitId:
        """The commit that a revision names, in Git's syntax.

        Raises:
            RevisionNotFound: none, or more than one.
        """
        return self._plain(revision) or self._libgit2.resolve(revision)

    def _plain(self, revision: str) -> CommitId | None:
        """The commit of a name or whole id with ``~`` and ``^`` behind it; None for what is left to libgit2."""
        match = _PLAIN.match(revision)
        if match is None:
            return None
        name, steps = match.groups()
        found = name if objectformat.is_hex_id(name) else self._named(name)
        if found is None:
            return None
        found = self._peeled(found)
        for step in _STEP.findall(steps):
            count = int(step[1:] or 1)
            for _ in range(count if step[0] == "~" else min(count, 1)):
                parents = self._ancestry(found)[0] if found is not None else []
                place = 0 if step[0] == "~" else count - 1
                found = parents[place] if place < len(parents) else None
        return CommitId(found) if found is not None else None

    def _named(self, name: str) -> str | None:
        for place in ("", "refs/", "refs/tags/", "refs/heads/"):
            found = self.ref(place + name) if (place + name).startswith("refs/") else None
            if found is not None:
                return found
        return None

    def _peeled(self, oid: str) -> str | None:
        """The commit that an object leads to; None if it is none, or there is no such object."""
        raw = ObjectId(bytes.fromhex(oid))
        while self.has(raw):
            kind, data = self.find(raw)
            if kind != "tag":
                return raw.hex() if kind == "commit" else None
            raw = ObjectId(bytes.fromhex(objectformat.parse_tag(data)[0]))
        return None

    def _ancestry(self, commit: str) -> tuple[list[str], int]:
        kind, data = self.find(ObjectId(bytes.fromhex(commit)))
        if kind != "commit":
            raise Damaged(f"the history is broken: {commit} is a {kind}, no commit")
        return objectformat.ancestry(data)

    def tag_message(self, ref: str) -> str | None:
        """The message of an annotated tag; None for a lightweight one."""
        target = self.ref(ref)
        if target is None:
            raise RefNotFound(f"no such ref: {ref}")
        kind, data = self.find(ObjectId(bytes.fromhex(target)))
        return objectformat.parse_tag(data)[1] if kind == "tag" else None

    def create_tag_object(self, name: str, target: CommitId, author: Author, when: datetime, message: str) -> str:
        """Writes an annotated tag object without a ref; returns its hex id."""
        return self._objects.write("tag", objectformat.format_tag(name, target, author, when, message)).hex()


def _remove_half_made(path: Path) -> None:
    """Removes what a creation left that was cut short, locks and empty files included; never objects or refs."""
    folders = (path / "objects", path / "refs")
    holds_any = any(found.is_file() for folder in folders for found in folder.rglob("*"))
    if holds_any or (path / "packed-refs").exists():
        return
    remove_tree(path)
