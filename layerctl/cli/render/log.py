"""Commits for people: ``log``, ``log --oneline``, ``--graph``, and the head of ``show``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from layerctl.cli.render.graph import Drawing, Graph
from layerctl.cli.render.quantities import absolute_time, relative_time, size_text
from layerctl.cli.render.stat import counts_text
from layerctl.cli.render.style import Style
from layerctl.cli.text import one_line, printable
from layerctl.model.ids import CommitId
from layerctl.model.layer import LayerDescriptor
from layerctl.model.results import LogEntry

_LANE_COLORS = ("red", "green", "yellow", "blue", "magenta", "cyan")

#: Lines below a commit, such as its ``--stat``.
Details = Callable[[LogEntry], Iterable[str]]


@dataclass(frozen=True, slots=True)
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


def layer_text(layer: LayerDescriptor) -> str:
    """``3 added, 1 modified, 1.2 MB (sealed)``."""
    counts = counts_text(layer.added, layer.modified, layer.deleted)
    return f"{counts}, {size_text(layer.size)} ({layer.quiescence.value})"


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
        yield from _details(entry, form, details)


def graph_lines(
    entries: Iterable[LogEntry],
    form: LogFormat,
    details: Details | None = None,
    parents: Callable[[LogEntry], Sequence[CommitId]] = lambda entry: entry.commit.parents,
) -> Iterator[str]:
    """Commits right of the graph of their parents.

    Args:
        entries: children before parents.
        form: how commits are shown.
        details: more lines below each.
        parents: what is drawn as a commit's parents.
    """
    graph = Graph(lambda text, color: form.style(text, _LANE_COLORS[color % len(_LANE_COLORS)]))
    waiting: tuple[str, ...] = ()
    for entry in entries:
        if waiting and not form.oneline:
            yield waiting[0].rstrip()
        drawing = graph.draw(entry.commit.id, parents(entry))
        yield from (row.rstrip() for row in drawing.before)
        yield from beside(drawing, [*form.lines(entry), *_details(entry, form, details)])
        waiting = (drawing.padding,)


def beside(drawing: Drawing, text: Sequence[str]) -> Iterator[str]:
    """Text right of what is drawn for its commit; rows that are left over stand alone."""
    rows = [drawing.commit, *drawing.after]
    rows += [drawing.padding] * (len(text) - len(rows))
    for index, row in enumerate(rows):
        yield f"{row}{text[index] if index < len(text) else ''}".rstrip()


def _details(entry: LogEntry, form: LogFormat, details: Details | None) -> Iterator[str]:
    lines = list(details(entry)) if details is not None else []
    if lines and not form.oneline:
        yield ""
    yield from lines
