"""``grep``: lines of the text files of a commit, or of the rootfs as it is.

The snapshot says which files there are, so nothing outside the paths is looked at; the layers hold their content, and
each content is searched once, wherever it is.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Damaged, NothingToCommit, PathNotFound
from layerctl.layer.find import regular_files
from layerctl.layer.handles import open_regular
from layerctl.layer.search import Matcher, search_fd
from layerctl.model.ids import CommitId, Digest, ObjectId
from layerctl.model.search import FoundFile, Query
from layerctl.ops.content import entry_at
from layerctl.ops.view import read_view
from layerctl.snapshot.places import NOTHING, Places
from layerctl.snapshot.walk import walk
from layerctl.values import frozen, replace

if TYPE_CHECKING:
    from layerctl.model.commit import ImageCommit
    from layerctl.model.scan import RootPath
    from layerctl.ops.context import Context
    from layerctl.snapshot.objects import ObjectStore

#: Of an entry, what tells its content from others.
_CONTENT = re.compile(rb"type=file .* (size=[1-9]\d* digest=blake3:[0-9a-f]{64})")


@frozen
class _State:
    """A rootfs to search.

    Attributes:
        objects: where its snapshot is.
        snapshot: which files there are.
        folders: what holds them, topmost first.
        live: somebody may be writing to the topmost.
    """

    objects: ObjectStore
    snapshot: ObjectId
    folders: tuple[Path, ...]
    live: bool


def grep(
    context: Context, query: Query, revision: str | None, *, paths: Sequence[RootPath]
) -> tuple[CommitId | None, Iterator[FoundFile]]:
    """See :meth:`layerctl.ops.repository.Repository.grep`."""
    matcher = Matcher(query)
    commit = context.read(revision) if revision is not None else None
    state = _live(context) if commit is None else _committed(context, commit)
    places = Places(state.objects)
    for path in paths:
        if commit is not None and revision is not None:
            entry_at(context, commit, revision, path)
        elif places.at(state.snapshot, path) == NOTHING:
            raise PathNotFound(f"/{os.fsdecode(path)} does not exist in the rootfs")
    found = _search(context, state, matcher, tuple(paths) or (b"",), names_only=query.names_only)
    return commit.id if commit is not None else None, found


def _committed(context: Context, commit: ImageCommit) -> _State:
    return _State(context.store.git, commit.snapshot, tuple(context.store.layers.holders(commit.id)), live=False)


def _live(context: Context) -> _State:
    base = context.worktree.record.base
    if base is None:
        raise NothingToCommit("nothing is checked out to search", hint="name a commit, or check one out")
    view = read_view(context, tolerant=True, known=_inode)
    folders = (context.worktree.upper, *context.store.layers.holders(base))
    return _State(view.objects, view.snapshot, folders, live=True)


def _inode(path: RootPath, status: os.stat_result) -> Digest:
    """In place of a digest, which would cost reading the file: the same for the names of one file."""
    return Digest(b"inode %26x" % status.st_ino)


def _search(
    context: Context, state: _State, matcher: Matcher, paths: Sequence[RootPath], *, names_only: bool
) -> Iterator[FoundFile]:
    with context.store.lock.in_use():
        wanted = _wanted(state, paths)
        holders = _holders(state, wanted.keys(), paths)
        copies = Counter(wanted.values())
        known: dict[bytes, FoundFile | None] = {}
        for path in sorted(wanted):
            digest = wanted[path]
            if digest in known:
                found = known[digest]
            else:
                found = _search_file(state, holders, path, matcher, names_only=names_only)
                known |= {digest: found} if copies[digest] > 1 else {}
            if found is not None:
                yield replace(found, path=path)


def _wanted(state: _State, paths: Sequence[RootPath]) -> dict[RootPath, bytes]:
    """Regular files at or below the paths that are not empty, with what tells their contents apart."""
    places = Places(state.objects)
    found: dict[RootPath, bytes] = {}
    for top in paths:
        place = places.at(state.snapshot, top)
        below = walk(state.objects, place.tree) if place.tree is not None else iter([(b"", place.text or b"")])
        for path, text in below:
            if match := _CONTENT.match(text):
                found[b"/".join(part for part in (top, path) if part)] = match[1]
    return found


def _holders(state: _State, wanted: Set[RootPath], paths: Sequence[RootPath]) -> dict[RootPath, Path]:
    """Where each file's content is: in the topmost layer that has it."""
    found: dict[RootPath, Path] = {}
    for folder in state.folders:
        if len(found) == len(wanted):
            break
        with _opened(folder) as root:
            for top in paths:
                for path in regular_files(root, top):
                    if path in wanted:
                        found.setdefault(path, folder)
    return found


def _search_file(
    state: _State, holders: Mapping[RootPath, Path], path: RootPath, matcher: Matcher, *, names_only: bool
) -> FoundFile | None:
    try:
        with _opened(holders[path]) as root:
            fd = open_regular(root, path)
    except (KeyError, OSError) as exc:
        if state.live:  # it went away meanwhile
            return None
        raise Damaged(f"no layer holds /{os.fsdecode(path)}") from exc
    try:
        binary, hits = search_fd(fd, matcher, first_only=names_only)
    finally:
        os.close(fd)
    return FoundFile(path, binary, () if binary or names_only else hits) if hits else None


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as exc:
        raise Damaged(f"the layer {folder.parent.name} is missing") from exc
    try:
        yield fd
    finally:
        os.close(fd)
