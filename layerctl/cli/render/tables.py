"""Worktrees, hooks and the findings of ``doctor``, one a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from layerctl.cli.render.columns import align
from layerctl.cli.text import one_line, printable
from layerctl.model.hook import HookInfo, HookRun, HookState

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style
    from layerctl.model.results import Check, WorktreeInfo


def worktree_lines(worktrees: Sequence[WorktreeInfo], current: str, style: Style) -> Iterator[str]:
    """``* default  1a2b3c4  main  clean  /srv/app/rootfs``."""
    rows = [
        (
            f"{'*' if worktree.name == current else ' '} {worktree.name}",
            worktree.head.short if worktree.head is not None else "-",
            printable(worktree.branch) if worktree.branch is not None else "(detached)",
            _state(worktree),
            printable(worktree.mountpoint),
        )
        for worktree in worktrees
    ]
    yield from align(rows, paint=(None, lambda text: style(text, "yellow"), lambda text: style(text, "green")))


def _state(worktree: WorktreeInfo) -> str:
    if worktree.container is not None:
        return "running"
    if not worktree.mounted:
        return "dirty, not mounted" if worktree.dirty else "not mounted"
    return "dirty" if worktree.dirty else "clean"


def check_lines(checks: Sequence[Check], style: Style) -> Iterator[str]:
    """``ok``, ``NO`` (needed) or ``--`` (not needed), with a hint below what does not serve."""
    width = max((len(check.name) for check in checks), default=0)
    for check in checks:
        mark, color = ("ok", "green") if check.ok else ("NO", "red") if check.needed else ("--", "yellow")
        yield f"{style(mark, color)}  {check.name:<{width}}  {one_line(check.detail)}".rstrip()
        if not check.ok and check.hint:
            yield f"{' ' * (width + 6)}{style('hint:', 'dim')} {one_line(check.hint)}"


_HOOK_COLORS = {HookState.ACTIVE: "green", HookState.SAMPLE: "dim"}


def hook_lines(hooks: Sequence[HookInfo], style: Style) -> Iterator[str]:
    """``active  pre-commit.secrets  Refuse a commit that …``."""
    width = max((len(hook.state.value) for hook in hooks), default=0)
    names = max((len(hook.name) for hook in hooks), default=0)
    for hook in hooks:
        state = style(f"{hook.state.value:<{width}}", _HOOK_COLORS.get(hook.state, "yellow"))
        yield f"{state}  {printable(hook.name):<{names}}  {one_line(hook.summary)}".rstrip()


def hook_run_lines(runs: Sequence[HookRun], style: Style) -> Iterator[str]:
    """``ok  pre-commit.secrets``, or ``NO`` with what went wrong."""
    names = max((len(run.name) for run in runs), default=0)
    for run in runs:
        mark, color = ("ok", "green") if run.problem is None else ("NO", "red")
        yield f"{style(mark, color)}  {printable(run.name):<{names}}  {run.problem or ''}".rstrip()
