"""``show``: one commit, or one path of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.model.entry import Kind
from layerctl.model.listing import parse_entry
from layerctl.model.results import Diff, LogEntry, PathView
from layerctl.ops.content import content, entry_at
from layerctl.ops.log import decorations
from layerctl.snapshot.compare import compare
from layerctl.snapshot.walk import children

if TYPE_CHECKING:
    from layerctl.model.scan import RootPath
    from layerctl.ops.context import Context


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
    entry = entry_at(context, commit, revision, path)
    below = [(name, parse_entry(line)) for name, line in children(context.store.git, commit.snapshot, path)]
    chunks = content(context, commit.id, path, entry) if entry.kind is Kind.FILE else None
    return PathView(path, entry, tuple(below), chunks)
