"""``diff``: two states of a rootfs compared."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import NothingToCommit
from layerctl.model.config import ImageConfig
from layerctl.model.configdiff import ConfigChange, compare_configs
from layerctl.model.results import Diff
from layerctl.ops.paths import is_below
from layerctl.ops.unread import changes_since
from layerctl.snapshot.compare import compare

if TYPE_CHECKING:
    from layerctl.model.change import Change
    from layerctl.model.ids import CommitId
    from layerctl.model.scan import RootPath
    from layerctl.ops.context import Context


def diff(context: Context, old: str | None, new: str | None, *, paths: Sequence[RootPath] = ()) -> Diff:
    """See :meth:`layerctl.ops.repository.Repository.diff`."""
    before = context.read(old or "HEAD")
    if new is not None:
        after = context.read(new)
        found = compare(context.store.git, before.snapshot, after.snapshot)
        return Diff(before.id, after.id, _chosen((change.parsed() for change in found.changes), paths))
    if context.worktree.record.base is None:
        raise NothingToCommit("nothing is checked out to compare", hint="name two commits, or check one out")
    return Diff(before.id, None, _chosen(changes_since(context, before.snapshot), paths))


def config_changes(context: Context, difference: Diff) -> tuple[ConfigChange, ...]:
    """See :meth:`layerctl.ops.repository.Repository.config_changes`."""
    commits = context.store.commits
    old = commits.config(commits.read(difference.old)) if difference.old is not None else ImageConfig({})
    new = commits.read(difference.new) if difference.new is not None else context.read("HEAD")
    return compare_configs(old, commits.config(new))


def read_content(context: Context, commit: CommitId | None, path: RootPath, limit: int) -> bytes | None:
    """See :meth:`layerctl.ops.repository.Repository.read_content`."""
    above: tuple[Path, ...] = ()
    if commit is None:
        commit = context.worktree.record.base
        above = (context.worktree.upper,)
        if commit is None:
            return None
    with context.store.lock.in_use(), context.store.layers.open_file(commit, path, above) as fd:
        return os.pread(fd, limit, 0) if fd is not None else None


def _chosen(changes: Iterable[Change], paths: Sequence[RootPath]) -> tuple[Change, ...]:
    return tuple(change for change in changes if is_below(change.path, paths))
