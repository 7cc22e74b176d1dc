"""The results for people: tables on the terminal, and the same as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.quantities import amount, bytes_of, ratio
from benchmarks.results import Report, Row

OURS = "layerctl"
#: Not a tool: the least that the work costs on this machine.
FLOOR = "floor"
_NONE = "–"
#: A process counts what it was started from: see benchmarks/spawner.py.
_FLOOR = "less than 10 MB cannot be told apart"
#: Units of which less is better.
COSTS = ("s", "bytes")
#: A title, the names of the columns, and the cells.
Table = tuple[str, list[str], list[list[str]]]


def print_tables(console: Console, report: Report) -> None:
    """Prints all of it."""
    for title, header, lines in tables(report):
        table = RichTable(title=title, title_justify="left")
        for number, name in enumerate(header):
            table.add_column(name, justify="right" if number else "left", overflow="fold")
        for line in lines:
            table.add_row(*line)
        console.print(table)
    for note in notes(report.rows):
        console.print(f"{note}", markup=False, highlight=False)


def markdown(report: Report) -> str:
    """The same, ready to be included in a document, with the machine and the versions."""
    parts = [_machine(report), _versions(report)]
    for title, header, lines in tables(report):
        parts.append(f"**{title}**")
        rule = ["---", *["---:"] * (len(header) - 1)]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in [header, rule, *lines]))
    parts += [f"- {note}" for note in notes(report.rows)]
    return "\n\n".join(parts) + "\n"


def tables(report: Report) -> list[Table]:
    """Time beside the peers, then each curve, then memory."""
    plain = [row for row in report.rows if not row.group and row.tool != FLOOR]
    floor = [row for row in report.rows if row.tool == FLOOR]
    curves = [row for row in report.rows if row.group]
    found = [_side_by_side(plain)] if plain else []
    for group, rows in groupby(curves, lambda row: row.group):
        found += _curve(group, list(rows))
    if memory := _memory(plain):
        found.append(memory)
    if floor:
        found.append(("What no tool can do without", ["", "median"], [[row.title, _cell(row, None)] for row in floor]))
    return found


def notes(rows: Iterable[Row]) -> list[str]:
    """What the reader must know about single figures."""
    return [f"{row.title}, {row.tool}: {row.note}" for row in rows if row.note]


def _side_by_side(rows: Sequence[Row]) -> Table:
    """One line a scenario; in brackets how many times as long as layerctl the peer takes."""
    tools = _tools(rows)
    header = ["", OURS, *tools, "best peer ÷ layerctl"]
    return "Medians; in brackets: how many times layerctl's", header, [_line(line, tools) for line in _lines(rows)]


def _line(rows: Sequence[Row], tools: Sequence[str]) -> list[str]:
    by_tool = {row.tool: row for row in rows}
    ours = by_tool[OURS].median if OURS in by_tool else None
    cells = [_cell(by_tool.get(OURS), None), *(_cell(by_tool.get(tool), ours) for tool in tools)]
    peers = [row.median for row in rows if row.tool != OURS and row.median is not None]
    best = ratio(min(peers), ours) if peers and ours and rows[0].unit in COSTS else _NONE
    return [rows[0].title, *cells, best]


def _cell(row: Row | None, ours: float | None) -> str:
    if row is None or row.median is None:
        return _NONE if row is None or not row.note else "failed"
    text = amount(row.median, row.unit)
    return f"{text} ({ratio(row.median, ours)})" if ours and row.unit in COSTS else text


def _curve(group: str, rows: Sequence[Row]) -> list[Table]:
    """One line a measurement, one column a place on the curve; and the same for memory."""
    places = sorted({row.at for row in rows if row.at is not None})
    header = ["", *(f"{place:,}" for place in places)]
    costs, memory = [], []
    for line in _lines(rows):
        by_place = {row.at: row for row in line}
        costs.append([line[0].title, *(_cell(by_place.get(place), None) for place in places)])
        if line[0].peak:
            memory.append([line[0].title, *(bytes_of(by_place[place].peak) for place in places)])
    return [(group, header, costs), (f"{group}; peak of resident memory ({_FLOOR})", header, memory)]


def _memory(rows: Sequence[Row]) -> Table | None:
    measured = [row for row in rows if row.peak]
    if not measured:
        return None
    tools = [OURS, *_tools(measured)]
    lines = []
    for line in _lines(measured):
        by_tool = {row.tool: row for row in line}
        cells = [bytes_of(by_tool[tool].peak) if tool in by_tool else _NONE for tool in tools]
        lines.append([line[0].title, *cells])
    return f"Peak of resident memory: the largest process, and daemons ({_FLOOR})", ["", *tools], lines


def _tools(rows: Sequence[Row]) -> list[str]:
    """The peers, in the order in which they appear."""
    return [tool for tool in dict.fromkeys(row.tool for row in rows) if tool != OURS]


def _lines(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows of the same title."""
    titles = dict.fromkeys(row.title for row in rows)
    return [[row for row in rows if row.title == title] for title in titles]


def _machine(report: Report) -> str:
    machine = report.machine
    memory = bytes_of(int(str(machine["memory"])))
    return (
        f"Machine: {machine['cpu']}, {machine['cores']} cores, {memory} of memory, {machine['system']}, "
        f"Linux {machine['kernel']}, {machine['filesystem']} ({machine['mount_options']}), "
        f"Python {machine['python']}. Runs: {report.options['runs']}."
    )


def _versions(report: Report) -> str:
    return "Versions: " + "; ".join(report.versions.values()) + "."
