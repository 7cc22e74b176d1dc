"""``bisect``: the commit that broke something, by trying ever fewer of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from layerctl.errors import Conflict, Declined, DirtyWorktree, NothingToCommit, RefNotFound, RuntimeFailed, UsageError
from layerctl.model.bisection import Bisection, Mark, midpoint
from layerctl.model.ids import CommitId
from layerctl.model.operation import FileMove, Move
from layerctl.model.recovery import BisectResult, BisectTest
from layerctl.model.worktree import Head
from layerctl.ops.container import refuse_running
from layerctl.ops.heads import check_free
from layerctl.ops.heads import switch as switch_head
from layerctl.ops.rootfs import prepare_write_layer
from layerctl.ops.run import RunRequest, run
from layerctl.ops.status import uncommitted
from layerctl.ops.switch import switch
from layerctl.store.record import dump_record, load_record
from layerctl.values import replace

if TYPE_CHECKING:
    from layerctl.ops.context import Context

_SKIP_STATUS = 125
_FIRST_STOP_STATUS = 128
_NO_COMMAND = (126, 127)
_KINDS = {0: Mark.GOOD, _SKIP_STATUS: Mark.SKIP}

#: Told of each test of ``bisect run``.
Report = Callable[[BisectTest], None]


def start(context: Context, bad: str | None, good: Sequence[str], *, checkout: bool) -> BisectResult:
    """See :meth:`layerctl.ops.repository.Repository.bisect_start`."""
    with context.changing_worktree():
        if _text(context) is not None:
            raise Conflict("a search is going on already", hint="'layerctl bisect reset' ends it")
        if context.head() is None or context.worktree.record.base is None:
            raise NothingToCommit("nothing is checked out yet", hint="'layerctl checkout' mounts a commit")
        state = Bisection(context.worktree.head_text, checkout)
        if bad is not None:
            state = state.with_mark(Mark.BAD, [context.revisions.resolve(bad)])
            state = state.with_mark(Mark.GOOD, [context.revisions.resolve(revision) for revision in good])
        if checkout:
            _check_clean(context)
        return _go_on(context, state)


def _check_clean(context: Context) -> None:
    count = sum(1 for change in uncommitted(context) if not change.is_noise)
    if count:
        raise DirtyWorktree(
            f"the worktree '{context.worktree.name}' has {count} uncommitted change{'s'[: count != 1]}",
            hint="commit or stash them, or use --no-checkout and 'layerctl bisect run'",
        )


def mark(context: Context, kind: Mark, revisions: Sequence[str]) -> BisectResult:
    """See :meth:`layerctl.ops.repository.Repository.bisect_mark`."""
    with context.changing_worktree():
        state = _load(context)
        commits = [context.revisions.resolve(revision) for revision in revisions] or [_candidate(context, state)]
        return _go_on(context, state.with_mark(kind, commits))


def _candidate(context: Context, state: Bisection) -> CommitId:
    """The commit that is meant if none is named: what is checked out, or what was proposed."""
    head = context.head()
    commit = head if state.checkout else state.current
    if commit is None:
        raise UsageError("there is no candidate yet to be marked", hint="name a commit")
    return commit


def run_tests(context: Context, request: RunRequest, report: Report) -> BisectResult:
    """See :meth:`layerctl.ops.repository.Repository.bisect_run`."""
    before = state = _load(context)
    found = _step(context, state)
    if found.state == "waiting":
        raise Declined(
            "a bad and a good commit have to be known first",
            hint="'layerctl bisect bad REV', 'layerctl bisect good REV'",
        )
    tried = False
    try:
        while found.state == "testing":
            assert found.commit is not None
            status = _status(context, request, found.commit)
            if status in _NO_COMMAND and not tried:
                _check_command(context, request, found.good[-1])
            tried = True
            kind = _KINDS.get(status, Mark.BAD)
            report(BisectTest(found.commit, status, kind))
            state = state.with_mark(kind, [found.commit])
            found = _step(context, state)
    finally:
        if state is not before:
            _save(context, before, state)
    return found


def _status(context: Context, request: RunRequest, commit: CommitId) -> int:
    result = run(context, replace(request, revision=commit.hex))
    if result.failure is not None and result.status == _SKIP_STATUS:
        raise RuntimeFailed(f"cannot test {commit.short}: {result.failure}", hint=result.hint)
    if result.status >= _FIRST_STOP_STATUS:
        raise Declined(
            f"the command ended with status {result.status} at {commit.short}: the search stops",
            hint="run it again, or say what you know with 'layerctl bisect good', 'bad' or 'skip'",
        )
    return result.status


def _check_command(context: Context, request: RunRequest, good: CommitId) -> None:
    """Tells a commit in which the command is missing from a command that is missing everywhere, as Git 2.36 does."""
    status = _status(context, request, good)
    if status in _NO_COMMAND:
        raise Declined(
            f"the command ended with status {status} at {good.short} too, which is good: the search stops",
            hint="it runs in the rootfs: name a program of the rootfs, or show it one with -v SRC:DST:ro",
        )


def _save(context: Context, before: Bisection, state: Bisection) -> None:
    with context.changing_worktree():
        if _load(context) != before:
            raise Conflict("the search was changed by another command meanwhile", hint="see 'layerctl bisect log'")
        after = _step(context, state)
        _record(context, replace(state, current=after.commit if after.state == "testing" else None))


def reset(context: Context) -> CommitId:
    """See :meth:`layerctl.ops.repository.Repository.bisect_reset`."""
    with context.changing_worktree():
        state = _load(context)
        head = Head.from_text(state.head)
        if head.branch is not None:
            check_free(context, head.branch)
        commit = head.commit or _tip(context, head)
        moved = state.checkout and (context.worktree.head_text != state.head or context.worktree.record.base != commit)
        _record(context, None, head if moved else None, commit)
    return commit


def _tip(context: Context, head: Head) -> CommitId:
    found = context.store.git.ref(head.ref or "")
    if found is None:
        raise RefNotFound(
            f"the branch '{head.branch}' is gone, where the search began",
            hint=f"'layerctl branch {head.branch} REV' makes it again",
        )
    return CommitId(found)


def marks(context: Context) -> Bisection:
    """See :meth:`layerctl.ops.repository.Repository.bisect_log`."""
    return _load(context)


def _go_on(context: Context, state: Bisection) -> BisectResult:
    """Looks for the next candidate, checks it out, and remembers all of it, as one operation."""
    found = _step(context, state)
    testing = found.commit if found.state == "testing" else None
    moved = testing is not None and state.checkout and context.head() != testing
    head = Head(commit=testing) if moved else None
    _record(context, replace(state, current=testing), head, testing)
    return found


def _record(
    context: Context, state: Bisection | None, head: Head | None = None, commit: CommitId | None = None
) -> None:
    new = dump_record(state.to_json()).decode() if state is not None else None
    file = FileMove(_path(context), _text(context), new)

    def moves(_number: int) -> list[Move]:
        if head is None or commit is None:
            return [file]
        return [file, *switch_head(context, head, commit, f"bisect: moving to {head.branch or commit.short}")]

    if head is None or commit is None:
        with context.applying() as number:
            context.perform(number, "bisect", moves(number))
        return
    refuse_running(context)
    context.store.layers.stack(commit, context.progress)
    with context.store.staging("bisect") as staging:
        switch(context, "bisect", commit, prepare_write_layer(context, staging, commit), moves)


def _step(context: Context, state: Bisection) -> BisectResult:
    """Where the search is."""
    bad, good, skipped = state.bad, state.marked(Mark.GOOD), state.marked(Mark.SKIP)
    if bad is None or not good:
        return BisectResult("waiting", None, (), bad, good, skipped)
    suspects = list(context.store.git.walk([bad], list(good)))
    if not suspects:
        raise Conflict(
            f"{bad.short} cannot be the bad one: it is good, or a good commit descends from it",
            hint="were good and bad mixed up?"
            + (" 'layerctl bisect log' shows what was said" if _text(context) is not None else ""),
        )
    parents = {commit: context.store.commits.read(commit).parents for commit in suspects}
    commit = midpoint(suspects, parents, set(skipped))
    if commit is not None:
        return BisectResult("testing", commit, tuple(suspects), bad, good, skipped)
    if len(suspects) == 1:
        return BisectResult("found", bad, (bad,), bad, good, skipped)
    return BisectResult("undecided", None, tuple(suspects), bad, good, skipped)


def _path(context: Context) -> str:
    return context.worktree.relative("bisect.json")


def _text(context: Context) -> str | None:
    try:
        return (context.layout.root / _path(context)).read_text()
    except FileNotFoundError:
        return None


def _load(context: Context) -> Bisection:
    text = _text(context)
    if text is None:
        raise Declined("no search is going on", hint="'layerctl bisect start BAD GOOD' begins one")
    return Bisection.from_json(load_record(text.encode(), context.layout.root / _path(context)))
