"""``show``: one commit, or one path of it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from layerctl.errors import Damaged, PathNotFound
from layerctl.model.entry import Kind
from layerctl.model.ids import CommitId
from layerctl.model.listing import parse_entry
from layerctl.model.results import Diff, LogEntry, PathView
from layerctl.model.scan import RootPath
from layerctl.ops.context import Context
from layerctl.ops.log import decorations
from layerctl.snapshot.compare import compare
from layerctl.snapshot.walk import children, entry_text

_CHUNK = 1 << 20


def show_commit(context: Context, revision: str) -> tuple[LogEntry, Diff]:
    """See :meth:`layerctl.ops.repository.Repository.show`."""
    commit = context.read(revision)
    parent = context.store.commits.read(commit.parent) if commit.parent is not None else None
    found = compare(context.store.git, parent.snapshot if parent else None, commit.snapshot)
    difference = Diff(parent.id if parent else None, commit.id, tuple(change.parsed() for change in found.changes))
    return LogEntry(commit, decorations(context).get(commit.id, ())), difference


def show_path(context: Context, revision: str, path: RootPath) -> PathView:
    """See :meth:`layerctl.ops.repository.Repository.show_path`."""
    commit = context.read(revision)
    text = entry_text(context.store.git, commit.snapshot, path)
    if text is None:
        raise PathNotFound(f"/{os.fsdecode(path)} does not exist in '{revision}'")
    entry = parse_entry(text)
    below = [(name, parse_entry(line)) for name, line in children(context.store.git, commit.snapshot, path)]
    content = _content(context, commit.id, path) if entry.kind is Kind.FILE else None
    return PathView(path, entry, tuple(below) if entry.kind is Kind.DIR else (), content)


def _content(context: Context, commit: CommitId, path: RootPath) -> Iterator[bytes]:
    with context.store.lock.in_use(), context.store.layers.open_file(commit, path) as fd:
        if fd is None:
            raise Damaged(f"no layer holds /{os.fsdecode(path)}")
        while chunk := os.read(fd, _CHUNK):
            yield chunk
