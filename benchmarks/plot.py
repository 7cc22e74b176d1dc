"""The results as a picture: one group of bars a scenario, on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import matplotlib

from benchmarks.report import OURS
from benchmarks.results import Report, Row

matplotlib.use("Agg")

from matplotlib import pyplot

_COLOURS = ["#1f4e9c", "#8ab6d6", "#b48ead", "#d08770", "#a3be8c", "#9a9a9a", "#ebcb8b"]


def draw(report: Report, target: Path) -> bool:
    """Draws the rows of seconds that stand beside each other; False if there are none."""
    rows = [row for row in report.rows if not row.group and row.unit == "s" and row.median]
    if not rows:
        return False
    titles = list(dict.fromkeys(row.title for row in rows))
    tools = sorted(dict.fromkeys(row.tool for row in rows), key=lambda tool: tool != OURS)
    figure, axes = pyplot.subplots(figsize=(max(8, 1.6 * len(titles)), 6), layout="constrained")
    width = 0.85 / len(tools)
    for number, tool in enumerate(tools):
        places = [index + (number - (len(tools) - 1) / 2) * width for index in range(len(titles))]
        heights = [_height(rows, title, tool) for title in titles]
        axes.bar(places, heights, width, label=tool, color=_COLOURS[number % len(_COLOURS)])
    axes.set_yscale("log")
    axes.set_ylabel("seconds (median; less is better)")
    axes.set_xticks(range(len(titles)), [fill(title, 18) for title in titles], fontsize=7)
    axes.grid(axis="y", which="major", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(ncols=len(tools), loc="upper center", bbox_to_anchor=(0.5, 1.08), frameon=False)
    figure.savefig(target, dpi=150)
    pyplot.close(figure)
    return True


def _height(rows: Sequence[Row], title: str, tool: str) -> float:
    """0, which no bar shows, where there is no figure."""
    return next((row.median or 0 for row in rows if (row.title, row.tool) == (title, tool)), 0)
