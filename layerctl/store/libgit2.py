"""What is left to libgit2: whatever is rare, large, or strange in a Git repository. Loading it takes a while."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pygit2
from pygit2.enums import Option, SortMode

from layerctl.errors import Damaged, RefNotFound, RevisionNotFound, UsageError
from layerctl.model.commit import Author
from layerctl.model.ids import CommitId, ObjectId
from layerctl.store.refusals import as_system_error, system_errors
from layerctl.values import frozen


@frozen
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


class LibGit2:
    """A Git repository as libgit2 has it.

    Args:
        path: the bare repository.

    Raises:
        Damaged: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        pygit2.option(Option.SET_OWNER_VALIDATION, False)
        pygit2.option(Option.ENABLE_STRICT_HASH_VERIFICATION, False)
        try:
            self.raw = pygit2.Repository(str(path))
        except pygit2.GitError as exc:
            raise Damaged(f"cannot open the Git repository {path}: {exc}") from exc

    def read(self, oid: ObjectId) -> tuple[str, bytes]:
        """Type and content of an object.

        Raises:
            Damaged: it is missing or broken.
        """
        try:
            kind, data = self.raw.odb.read(pygit2.Oid(raw=oid))
        except (KeyError, pygit2.GitError) as exc:
            raise Damaged(f"Git object {oid.hex()} is missing or broken") from exc
        return kind.name.lower(), bytes(data)

    def has(self, oid: ObjectId) -> bool:
        """Whether an object is stored."""
        return pygit2.Oid(raw=oid) in self.raw.odb

    def reflog(self, name: str) -> list[ReflogEntry]:
        """A ref's history, newest first.

        Raises:
            RefNotFound: there is no such ref.
        """
        try:
            entries = self.raw.lookup_reference(name).log()
        except (KeyError, pygit2.InvalidSpecError) as exc:
            raise RefNotFound(f"no such ref: {name}") from exc
        return [_reflog_entry(entry) for entry in entries]

    def config(self, key: str) -> str | None:
        """One value from the repository's, the user's or the system's config."""
        try:
            return str(self.raw.config[key])
        except KeyError:
            return None
        except (pygit2.GitError, ValueError) as exc:
            raise UsageError(f"'{key}' is not a valid config key", hint="keys look like section.name") from exc

    def walk(self, starts: list[CommitId], hidden: list[CommitId]) -> Iterator[CommitId]:
        """Commits reachable from ``starts`` but not from ``hidden``, newest first, children before their parents."""
        walker = self.raw.walk(None, SortMode.TOPOLOGICAL | SortMode.TIME)
        try:
            for commit in starts:
                walker.push(pygit2.Oid(hex=commit.hex))
            for commit in hidden:
                walker.hide(pygit2.Oid(hex=commit.hex))
            for found in walker:
                yield CommitId(str(found.id))
        except (pygit2.GitError, KeyError) as exc:
            raise Damaged(f"the history is broken: {' '.join(str(exc).split())}") from exc

    def is_ancestor(self, ancestor: CommitId, descendant: CommitId) -> bool:
        """Whether one commit is a true ancestor of the other."""
        return self.raw.descendant_of(pygit2.Oid(hex=descendant.hex), pygit2.Oid(hex=ancestor.hex))

    def merge_base(self, one: CommitId, other: CommitId) -> CommitId | None:
        """The best common ancestor of two commits, or None."""
        found: pygit2.Oid | None = self.raw.merge_base(pygit2.Oid(hex=one.hex), pygit2.Oid(hex=other.hex))
        return CommitId(str(found)) if found is not None else None

    def resolve(self, revision: str) -> CommitId:
        """The commit that a revision names, in the whole of Git's syntax.

        Raises:
            RevisionNotFound: none, or more than one.
        """
        try:
            return CommitId(str(self.raw.revparse_single(revision).peel(pygit2.Commit).id))
        except (KeyError, IndexError) as exc:
            raise RevisionNotFound(f"no commit is called '{revision}'") from exc
        except (ValueError, pygit2.GitError) as exc:
            raise RevisionNotFound(f"'{revision}' does not name one commit: {_reason(exc)}") from exc


def make_repository(path: Path, branch: str) -> None:
    """Makes an empty bare repository whose HEAD names ``branch``."""
    with system_errors():
        pygit2.init_repository(str(path), bare=True, initial_head=branch)


def edit_config(file: Path, key: str, value: str | None) -> None:
    """Sets or (None) removes a value in a config file. Nothing is synced.

    Raises:
        RefNotFound: there is no value to remove.
        UsageError: the key or the value is malformed.
    """
    try:
        config = pygit2.Config(str(file))
        if value is None:
            del config[key]
        else:
            config[key] = value
    except KeyError as exc:
        raise RefNotFound(f"no config value '{key}'") from exc
    except (pygit2.GitError, ValueError, OSError) as exc:
        refused = as_system_error(exc)
        if refused is not None:
            raise refused from exc
        raise UsageError(f"cannot set '{key}': {exc}", hint="keys look like section.name") from exc


def list_config(file: Path) -> list[tuple[str, str]]:
    """All values of a config file, in its order."""
    return [(entry.name, entry.value or "") for entry in pygit2.Config(str(file))]


def _reason(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    return text[:1].lower() + text[1:] if text else "it is malformed"


def _reflog_entry(entry: pygit2.RefLogEntry) -> ReflogEntry:
    def known(oid: pygit2.Oid) -> str | None:
        return str(oid) if any(oid.raw) else None

    who = entry.committer
    return ReflogEntry(
        known(entry.oid_old),
        known(entry.oid_new),
        Author(who.name, who.email),
        datetime.fromtimestamp(who.time, timezone(timedelta(minutes=who.offset))),
        entry.message,
    )
