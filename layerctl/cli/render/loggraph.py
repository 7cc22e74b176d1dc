"""``log --graph``: commits right of the lines from commit to parent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from layerctl.cli.render.graph import Drawing, Graph
from layerctl.cli.render.log import Details, LogFormat, details_of

if TYPE_CHECKING:
    from layerctl.model.ids import CommitId
    from layerctl.model.results import LogEntry

_LANE_COLORS = ("red", "green", "yellow", "blue", "magenta", "cyan")


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
        yield from beside(drawing, [*form.lines(entry), *details_of(entry, form, details)])
        waiting = (drawing.padding,)


def beside(drawing: Drawing, text: Sequence[str]) -> Iterator[str]:
    """Text right of what is drawn for its commit; rows that are left over stand alone."""
    rows = [drawing.commit, *drawing.after]
    rows += [drawing.padding] * (len(text) - len(rows))
    for index, row in enumerate(rows):
        yield f"{row}{text[index] if index < len(text) else ''}".rstrip()
