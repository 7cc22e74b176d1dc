"""What ``fsck`` found, one problem a line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from layerctl.cli.render.quantities import count_text, size_text
from layerctl.cli.text import one_line
from layerctl.model.problem import FsckResult, Problem, Severity

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style

_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}
_SHOWN = 3


def problem_lines(result: FsckResult, style: Style) -> Iterator[str]:
    """``error    changed-file layers/…/fs/etc/motd: content differs (affects 1a2b3c4)``, and how much there is."""
    for problem in result.repaired:
        yield f"{style('repaired', 'green')} {_line(problem)}"
    for problem in result.problems:
        word = style(f"{problem.severity.value:<8}", _COLORS[problem.severity])
        yield f"{word} {_line(problem)}"
    yield _summary(result)


def _line(problem: Problem) -> str:
    text = f"{problem.kind} {os.fsdecode(problem.path)}: {problem.text}"
    shown = ", ".join(commit.short for commit in problem.commits[:_SHOWN])
    more = len(problem.commits) - _SHOWN
    if shown:
        text += f" (affects {shown}{f' and {more} more' if more > 0 else ''})"
    return one_line(text)


def _summary(result: FsckResult) -> str:
    checked = result.checked
    parts = [
        count_text(checked.commits, "commit"),
        count_text(checked.layers, "layer"),
        count_text(checked.runs, "compacted run"),
        count_text(checked.files, "path"),
    ]
    if not result.quick:
        parts += [count_text(checked.objects, "Git object"), size_text(checked.size)]
    return f"checked {', '.join(parts)}: {_verdict(result)}"


def _verdict(result: FsckResult) -> str:
    counts = [
        count_text(number, severity.value)
        for severity in (Severity.ERROR, Severity.WARNING)
        if (number := sum(problem.severity is severity for problem in result.problems))
    ]
    return ", ".join(counts) or "all is well"
