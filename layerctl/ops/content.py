"""What a commit has at a path: its entry, and a file's content out of the layers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from posixpath import normpath
from typing import TYPE_CHECKING

from layerctl.errors import Damaged, PathNotFound
from layerctl.layer.content import read_verified
from layerctl.model.listing import parse_entry
from layerctl.ops.history import touching
from layerctl.snapshot.places import Places

if TYPE_CHECKING:
    from layerctl.model.commit import ImageCommit
    from layerctl.model.entry import Entry
    from layerctl.model.ids import CommitId
    from layerctl.model.scan import RootPath
    from layerctl.ops.context import Context


def entry_at(context: Context, commit: ImageCommit, revision: str, path: RootPath) -> Entry:
    """The entry at a path of a commit.

    Raises:
        PathNotFound: there is none; says why, if that is known.
    """
    text = Places(context.store.git).entry(commit.snapshot, path)
    if text is None:
        raise _not_found(context, commit, revision, path)
    return parse_entry(text)


def content(context: Context, commit: CommitId, path: RootPath, entry: Entry) -> Iterator[bytes]:
    """A regular file's content, piece by piece, checked against its entry.

    Raises:
        Damaged: a layer is missing, or the file, or it is not what the commit recorded.
    """
    with context.store.lock.in_use(), context.store.layers.open_file(commit, path) as fd:
        if fd is None:
            raise Damaged(f"no layer holds /{os.fsdecode(path)}")
        yield from read_verified(fd, entry.size, entry.digest)


def whole_content(context: Context, commit: CommitId | None, path: RootPath, entry: Entry) -> bytes:
    """All of a regular file of a commit, or (None) of the rootfs as it is.

    Raises:
        Damaged: it is not in the layers, or not what the commit recorded.
    """
    if commit is not None:
        return b"".join(content(context, commit, path, entry))
    base, above = context.worktree.record.base, (context.worktree.upper,)
    assert base is not None
    with context.store.lock.in_use(), context.store.layers.open_file(base, path, above) as fd:
        if fd is None:
            return b""  # it went away since it was listed
        with open(fd, "rb", closefd=False) as file:
            return file.read()


def _not_found(context: Context, commit: ImageCommit, revision: str, path: RootPath) -> PathNotFound:
    name = f"/{os.fsdecode(path)}"
    elsewhere = _behind_symlink(context, commit, path)
    if elsewhere is not None:
        return PathNotFound(f"{name} does not exist in '{revision}': it lies behind a symlink", hint=elsewhere)
    last = next(touching(context, [commit.id], [], [path]), None)
    if last is not None:
        subject = context.store.commits.read(last).subject
        return PathNotFound(
            f"{name} does not exist in '{revision}': {last.short} removed it ({subject})",
            hint=f"{last.short}~ still has it",
        )
    return PathNotFound(f"{name} does not exist in '{revision}'")


def _behind_symlink(context: Context, commit: ImageCommit, path: RootPath) -> str | None:
    """Where a path leads if its first symlink is followed."""
    places = Places(context.store.git)
    names = path.split(b"/")
    for count in range(1, len(names)):
        text = places.entry(commit.snapshot, b"/".join(names[:count]))
        entry = parse_entry(text) if text is not None else None
        if entry is not None and entry.target is not None:
            link = os.fsdecode(b"/".join(names[:count]))
            target = os.path.join(
                "/", os.path.dirname(link), os.fsdecode(entry.target), *map(os.fsdecode, names[count:])
            )
            return f"/{link} is a symlink: try {normpath(target)}"
    return None
