"""Aligned columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

Paint = Callable[[str], str]


def align(rows: Sequence[Sequence[str]], *, widest: int = 48, paint: Sequence[Paint | None] = ()) -> Iterator[str]:
    """Rows as lines, two spaces between columns, no trailing spaces.

    Args:
        rows: cells, as many in each row.
        widest: a longer cell pushes its row out of line instead of every row.
        paint: per column, what colours a cell after it was measured.
    """
    widths = [
        max((len(cell) for cell in column if len(cell) <= widest), default=0) for column in zip(*rows, strict=True)
    ]
    for row in rows:
        yield "  ".join(_cells(row, widths, paint)).rstrip()


def _cells(row: Sequence[str], widths: Sequence[int], paint: Sequence[Paint | None]) -> Iterator[str]:
    last = max((index for index, cell in enumerate(row) if cell), default=-1)
    for index, cell in enumerate(row[: last + 1]):
        painter = paint[index] if index < len(paint) else None
        padding = " " * (widths[index] - len(cell)) if index < last else ""
        yield (painter(cell) if painter and cell else cell) + padding
