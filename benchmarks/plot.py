"""The results as pictures, on logarithmic scales: bars for what stands side by side, lines for what grows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

from matplotlib.figure import Figure

from benchmarks.report import FLOOR, OURS
from benchmarks.results import Report, Row

_COLOURS = ["#1f4e9c", "#8ab6d6", "#b48ead", "#d08770", "#a3be8c", "#9a9a9a", "#ebcb8b"]
_DPI = 150


def draw(report: Report, folder: Path) -> list[Path]:
    """Draws ``results.png`` and ``depth.png``, as far as there is something to draw; returns what was drawn."""
    measured = [row for row in report.rows if row.unit == "s" and row.median]
    bars = [row for row in measured if not row.group and row.tool != FLOOR]
    curves = [row for row in measured if row.group]
    drawn = []
    if bars:
        drawn.append(_bars(bars, folder / "results.png"))
    if curves:
        drawn.append(_curves(curves, folder / "depth.png"))
    return drawn


def _bars(rows: Sequence[Row], target: Path) -> Path:
    """One group a scenario, one bar a tool."""
    titles = list(dict.fromkeys(row.title for row in rows))
    tools = sorted(dict.fromkeys(row.tool for row in rows), key=lambda tool: tool != OURS)
    figure = Figure(figsize=(max(8, 1.6 * len(titles)), 6), layout="constrained")
    axes = figure.subplots()
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
    return _save(figure, target)


def _height(rows: Sequence[Row], title: str, tool: str) -> float:
    """0, which no bar shows, where there is no figure."""
    return next((row.median or 0 for row in rows if (row.title, row.tool) == (title, tool)), 0)


def _curves(rows: Sequence[Row], target: Path) -> Path:
    """One diagram a group, one line a measurement."""
    groups = list(dict.fromkeys(row.group for row in rows))
    figure = Figure(figsize=(8 * len(groups), 6), layout="constrained")
    grid = figure.subplots(1, len(groups), squeeze=False)
    for axes, group in zip(grid[0], groups, strict=True):
        mine = [row for row in rows if row.group == group]
        for title in dict.fromkeys(row.title for row in mine):
            line = [row for row in mine if row.title == title]
            axes.plot([row.at for row in line], [row.median for row in line], marker="o", label=title)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(group, fontsize=10)
        axes.set_ylabel("seconds (median; less is better)")
        axes.grid(which="major", alpha=0.3)
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return _save(figure, target)


def _save(figure: Figure, target: Path) -> Path:
    figure.savefig(target, dpi=_DPI)
    return target
