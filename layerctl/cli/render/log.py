"""Commits for people: ``log``, ``log --oneline``, ``--graph``, and the head of ``show``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from layerctl.cli.render.quantities import absolute_time, layer_text, relative_time
from layerctl.cli.text import one_line, printable
from layerctl.model.results import LogEntry
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style

#: Lines below a commit, such as its ``--stat``.
Details = Callable[[LogEntry], Iterable[str]]


@frozen
class LogFormat:
    """How commits are shown.

    Attributes:
        style: colours.
        now: for relative times.
        oneline: one line a commit.
    """

    style: Style
    now: datetime
    oneline: bool = False

    def lines(self, entry: LogEntry) -> list[str]:
        """One commit."""
        return [self._one_line(entry)] if self.oneline else list(self._full(entry))

    def _one_line(self, entry: LogEntry) -> str:
        decoration = f"{decorations(entry.refs, self.style)} " if entry.refs else ""
        return f"{self.style(entry.commit.id.short, 'yellow')} {decoration}{one_line(entry.commit.subject)}".rstrip()

    def _full(self, entry: LogEntry) -> Iterator[str]:
        commit = entry.commit
        decoration = f" {decorations(entry.refs, self.style)}" if entry.refs else ""
        yield self.style(f"commit {commit.id.hex}", "yellow") + decoration
        if len(commit.parents) > 1:
            yield f"Merge:  {' '.join(parent.short for parent in commit.parents)}"
        yield f"Author: {one_line(commit.author.name)} <{one_line(commit.author.email)}>"
        yield f"Date:   {relative_time(commit.date, self.now)} ({absolute_time(commit.date)})"
        yield f"Layer:  {layer_text(commit.layer)}"
        yield ""
        yield from (f"    {line}".rstrip() for line in printable(commit.message).splitlines())


def decorations(refs: Sequence[str], style: Style) -> str:
    """``(HEAD -> main, tag: v1)`` in Git's colours."""
    names = style(", ", "yellow").join(_decoration(printable(ref), style) for ref in refs)
    return f"{style('(', 'yellow')}{names}{style(')', 'yellow')}"


def _decoration(ref: str, style: Style) -> str:
    if ref.startswith("HEAD -> "):
        return style("HEAD -> ", "bold", "cyan") + style(ref.removeprefix("HEAD -> "), "bold", "green")
    color = "cyan" if ref == "HEAD" else "yellow" if ref.startswith("tag: ") else "green"
    return style(ref, "bold", color)


def log_lines(entries: Iterable[LogEntry], form: LogFormat, details: Details | None = None) -> Iterator[str]:
    """Commits one below the other."""
    for number, entry in enumerate(entries):
        if number and not form.oneline:
            yield ""
        yield from form.lines(entry)
        yield from details_of(entry, form, details)


def details_of(entry: LogEntry, form: LogFormat, details: Details | None) -> Iterator[str]:
    """The lines below a commit, as the format wants them."""
    lines = list(details(entry)) if details is not None else []
    if lines and not form.oneline:
        yield ""
    yield from lines
