"""The history of paths: which commits changed something at or below them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from layerctl.snapshot.places import NOTHING, Places

if TYPE_CHECKING:
    from layerctl.model.ids import CommitId
    from layerctl.model.scan import RootPath
    from layerctl.ops.context import Context
    from layerctl.store.commits import Outline


def touching(
    context: Context, starts: Sequence[CommitId], hidden: Sequence[CommitId], paths: Sequence[RootPath]
) -> Iterator[CommitId]:
    """The commits that changed something at or below some paths, newest first.

    Where a merge has what one of its parents has there, only that parent is followed: the other side came to nothing.
    Source: git-log(1), "History Simplification", default mode.
    """
    commits, places = context.store.commits, Places(context.store.git)
    wanted = set(starts)
    for commit in context.store.git.walk(list(starts), list(hidden)):
        if commit not in wanted:
            continue
        here = commits.outline(commit)
        same = next(
            (parent for parent in here.parents if not _differ(places, commits.outline(parent), here, paths)), None
        )
        if same is not None:
            wanted.add(same)
            continue
        wanted.update(here.parents)
        if here.parents or any(places.at(here.snapshot, path) != NOTHING for path in paths):
            yield commit


def _differ(places: Places, old: Outline, new: Outline, paths: Sequence[RootPath]) -> bool:
    return any(places.differs(old.snapshot, new.snapshot, path) for path in paths)
