"""``fsck``: everything is read again and compared with what it must be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from layerctl.errors import LayerctlError, RepositoryNotFound, UnsupportedFormat
from layerctl.model.problem import FsckResult, Problem, Severity
from layerctl.model.progress import Progress, silent
from layerctl.ops.checks.commits import check_commits
from layerctl.ops.checks.folders import check_folders, read_format
from layerctl.ops.checks.journal import check_journal
from layerctl.ops.checks.layers import check_layers
from layerctl.ops.checks.objects import check_objects
from layerctl.ops.checks.refs import check_refs
from layerctl.ops.checks.runs import check_runs
from layerctl.ops.checks.survey import Survey, names_in
from layerctl.ops.checks.worktrees import check_worktrees
from layerctl.store.layout import FORMAT, REPOSITORY_DIR, Layout
from layerctl.store.locks import RepositoryLock
from layerctl.store.rawgit import RawGit
from layerctl.store.store import Store

_ORDER = list(Severity)


def fsck(start: Path, *, quick: bool = False, progress: Progress = silent) -> FsckResult:
    """See :meth:`layerctl.ops.repository.Repository.fsck`."""
    layout = find_damaged(start)
    with _kept(layout) as lock:
        recover(layout)
        survey = look(layout, lock, quick=quick, progress=progress)
    return FsckResult(sort_problems(survey.problems), (), survey.checked(), quick)


def sort_problems(problems: list[Problem]) -> tuple[Problem, ...]:
    """The worst first, then by path."""
    return tuple(sorted(problems, key=lambda item: (_ORDER.index(item.severity), item.path, item.kind)))


def find_damaged(start: Path) -> Layout:
    """Finds the repository of a directory, even one that has lost its format file.

    Raises:
        RepositoryNotFound: there is none.
        UnsupportedFormat: a newer layerctl made it.
    """
    for folder in (start, *start.parents):
        layout = Layout(folder / REPOSITORY_DIR)
        parts = (layout.format_file, layout.git, layout.layers, layout.worktrees, layout.journal)
        if layout.root.is_dir() and sum(part.exists() for part in parts) >= 2:
            found = read_format(layout) or FORMAT
            if found.isdecimal() and int(found) > int(FORMAT):
                raise UnsupportedFormat(f"the repository has format {found!r}; this layerctl knows {FORMAT}")
            return layout
    raise RepositoryNotFound(f"not a layerctl repository (or any parent up to /): {start}")


def recover(layout: Layout) -> None:
    """Finishes what a crash interrupted, as every command does; what cannot be finished is found later."""
    with suppress(LayerctlError, OSError, KeyError, ValueError, TypeError, AttributeError):
        Store(layout).recover()


@contextmanager
def _kept(layout: Layout) -> Iterator[RepositoryLock | None]:
    """Keeps gc away; without a lock where the disk cannot be written."""
    lock = RepositoryLock(layout.lock)
    with ExitStack() as stack:
        try:
            stack.enter_context(lock.in_use())
        except OSError:
            yield None
            return
        yield lock


def look(layout: Layout, lock: RepositoryLock | None, *, quick: bool, progress: Progress) -> Survey:
    """One pass over everything.

    What moves is read first, while nothing can move; what lies still afterwards.
    """
    survey = Survey(layout, RawGit(layout.git), quick, progress)
    with ExitStack() as stack:
        if lock is not None:
            stack.enter_context(lock.apply())
        survey.layer_names = [name for name in names_in(layout.layers) if name != layout.compacted.name]
        survey.run_names = names_in(layout.compacted)
        check_folders(survey)
        check_refs(survey)
        check_worktrees(survey)
        check_journal(survey)
    if not quick:
        check_objects(survey)
    check_commits(survey)
    check_layers(survey)
    check_runs(survey)
    return survey
