"""Branches, tags and reflogs, as Git lists them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from layerctl.cli.render.columns import align
from layerctl.cli.text import one_line, printable

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style
    from layerctl.model.ids import CommitId
    from layerctl.model.results import Branch, ReflogLine, Tag


def branch_lines(
    branches: Sequence[Branch], worktree: str, detached: CommitId | None, style: Style, *, verbose: bool = False
) -> Iterator[str]:
    """One line a branch: ``*`` for the worktree's own, ``+`` for one that another worktree has.

    Args:
        branches: all of them.
        worktree: the one that is worked on.
        detached: its HEAD, if that is on no branch.
        style: colours.
        verbose: with the tip and its subject.
    """
    rows = [] if detached is None else [(f"* (HEAD detached at {detached.short})", detached.short, "")]
    rows += [(f"{_mark(branch, worktree)} {branch.name}", branch.commit.short, branch.subject) for branch in branches]
    if not verbose:
        rows = [(name, "", "") for name, _, _ in rows]
    shown = [(printable(name), commit, one_line(subject)) for name, commit, subject in rows]
    for line, (name, _, _) in zip(align(shown), shown, strict=True):
        yield line[:2] + style(line[2 : len(name)], *_BRANCH_COLORS[line[0]]) + line[len(name) :]


_BRANCH_COLORS: dict[str, tuple[str, ...]] = {"*": ("green",), "+": ("cyan",), " ": ()}


def _mark(branch: Branch, worktree: str) -> str:
    if branch.worktree is None:
        return " "
    return "*" if branch.worktree == worktree else "+"


def tag_lines(tags: Iterable[Tag], style: Style, *, verbose: bool = False) -> Iterator[str]:
    """One line a tag."""
    if not verbose:
        yield from (printable(tag.name) for tag in tags)
        return
    rows = [(printable(tag.name), tag.commit.short, one_line((tag.message or "").split("\n", 1)[0])) for tag in tags]
    yield from align(rows, paint=(None, lambda text: style(text, "yellow")))


def reflog_lines(lines: Iterable[ReflogLine], style: Style) -> Iterator[str]:
    """``1a2b3c4 main@{0}: commit: subject``."""
    for line in lines:
        commit = line.commit.short if line.commit is not None else "0" * 7
        yield f"{style(commit, 'yellow')} {printable(line.selector)}: {one_line(line.message)}".rstrip()
