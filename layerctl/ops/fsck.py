"""``fsck``: everything is read again and compared with what it must be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from layerctl.store.store import Store, check_namespace
from layerctl.values import replace

_ORDER = list(Severity)
_ROUNDS = 12


def fsck(
    start: Path,
    *,
    quick: bool = False,
    repair: bool = False,
    sources: Sequence[str] = (),
    progress: Progress = silent,
    holders: Sequence[int] = (),
) -> FsckResult:
    """See :meth:`layerctl.ops.repository.Repository.fsck`."""
    layout = find_damaged(start)
    lock = RepositoryLock(layout.lock, holders=holders)
    if repair:
        with lock.exclusive():
            recover(layout)
            return _repair(layout, lock, quick, tuple(sources), progress)
    with _kept(lock) as held:
        recover(layout)
        survey = look(layout, held, quick=quick, progress=progress)
    return FsckResult(sort_problems(survey.problems), (), survey.checked(), quick)


def _repair(
    layout: Layout, lock: RepositoryLock, quick: bool, sources: tuple[str, ...], progress: Progress
) -> FsckResult:
    """Looks and repairs in turn until nothing more can be done."""
    from layerctl.ops.mends.mender import Mender  # noqa: PLC0415 - a check alone needs none of it
    from layerctl.ops.mends.table import mend  # noqa: PLC0415

    survey = look(layout, lock, quick=quick, progress=progress)
    mender = Mender(layout, survey, sources)
    seen = {problem.identity: problem for problem in survey.problems}
    for _ in range(_ROUNDS):
        with lock.apply():
            if not mend(mender):
                break
        survey = mender.survey = look(layout, lock, quick=quick, progress=progress)
        seen = {problem.identity: problem for problem in survey.problems} | seen
    left = sort_problems([_explained(problem, mender.refused) for problem in survey.problems])
    gone = seen.keys() - {problem.identity for problem in left}
    repaired = sort_problems([seen[identity] for identity in gone])
    report = mender.write_report(left, repaired) if mender.done else None
    return FsckResult(left, repaired, survey.checked(), quick, report)


def _explained(problem: Problem, refused: dict[tuple[str, bytes], str]) -> Problem:
    why = refused.get(problem.identity)
    return replace(problem, text=f"{problem.text}; it stays: {why}", repairable=False) if why is not None else problem


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
def _kept(lock: RepositoryLock) -> Iterator[RepositoryLock | None]:
    """Keeps gc away; without a lock where the disk cannot be written."""
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
        check_namespace(survey.namespace)
        check_refs(survey)
        check_worktrees(survey)
        check_journal(survey)
    if not quick:
        check_objects(survey)
    check_commits(survey)
    check_layers(survey)
    check_runs(survey)
    return survey
