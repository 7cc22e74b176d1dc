r"""``log --graph``: lanes from children to parents, drawn with ``* | \ /``.

A lane is a column that waits for one commit. Drawing a commit ends the lane that waited for it and starts one for each
parent. Lanes that wait for the same commit run together, and gaps close, by moving left one column a row.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

#: Paints one character of a lane: the character and the lane's column.
Paint = Callable[[str, int], str]

#: A row: characters by position; lane ``n`` is at position ``2n``, what leads to its left at ``2n - 1``.
_Cells = dict[int, str]


def _unpainted(text: str, _column: int) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Drawing:
    """What stands left of one commit's text; all but ``before`` equally wide.

    Attributes:
        before: rows above the commit.
        commit: the row of the commit itself.
        after: rows below it, beside the rest of its text or alone.
        padding: what stands beside further text.
    """

    before: tuple[str, ...]
    commit: str
    after: tuple[str, ...]
    padding: str


@dataclass(slots=True)
class Graph:
    """Draws commits one after another, children before parents.

    Attributes:
        paint: colours for lanes.
    """

    paint: Paint = _unpainted
    _lanes: list[Hashable] = field(default_factory=list)
    _last: _Cells = field(default_factory=dict)

    def draw(self, commit: Hashable, parents: Sequence[Hashable]) -> Drawing:
        """Draws one commit and moves on to its parents."""
        if commit not in self._lanes:
            self._lanes.append(commit)
        here = self._lanes.index(commit)
        extra = max(0, len(parents) - 2)
        before = list(self._make_room(here, extra))
        row = self._commit_row(here, extra)
        after, lanes = self._to_parents(here, extra, parents)
        most = len(lanes)
        after += self._settle(lanes)
        row |= {} if extra else self._slants(here, after)
        self._last = after[-1] if after else row
        padding = {2 * column: "|" for column in range(len(self._lanes))}
        width = 2 * max(most, len(self._lanes), 1 + max(row) // 2)
        return Drawing(
            tuple(self._text(cells, 0) for cells in before),
            self._text(row, width),
            tuple(self._text(cells, width) for cells in after),
            self._text(padding, width),
        )

    def _make_room(self, here: int, extra: int) -> Iterator[_Cells]:
        """Lanes right of an octopus merge move away for its third and further parents."""
        right = range(here + 1, len(self._lanes))
        for moved in range(extra if right else 0):
            yield _bars(here + 1) | {2 * (column + moved) + 1: "\\" for column in right}

    def _commit_row(self, here: int, extra: int) -> _Cells:
        cells = _bars(here) | {2 * here: "*"}
        if extra:
            end = 2 * (here + extra)
            cells |= dict.fromkeys(range(2 * here + 1, end), "-") | {end: "."}
        return cells | {2 * (column + extra): "|" for column in range(here + 1, len(self._lanes))}

    def _slants(self, here: int, after: Sequence[_Cells]) -> _Cells:
        """Lanes right of a commit that move the same way in the rows above and below it keep their slant."""
        cells: _Cells = {}
        for position in range(2 * here + 2, max(self._last, default=0) + 2, 2):
            if after and self._last.get(position - 1) == after[0].get(position + 1) == "\\":
                cells[position] = "\\"
            if after and self._last.get(position + 1) == after[0].get(position - 1) == "/":
                cells[position] = "/"
        return cells

    def _to_parents(
        self, here: int, extra: int, parents: Sequence[Hashable]
    ) -> tuple[list[_Cells], list[tuple[int, Hashable]]]:
        """The rows from a commit to its parents, and the lanes with their columns after it."""
        left, right = self._lanes[:here], self._lanes[here + 1 :]
        if len(parents) == 2 and right[:1] == [parents[1]]:
            return [_bars(len(self._lanes)) | {2 * here + 1: "\\"}], _numbered([*left, parents[0], *right])
        if len(parents) > 1:
            fan = {2 * (here + number) + 1: "\\" for number in range(len(parents) - 1)}
            moved = {2 * (column + extra) + 1: "\\" for column in range(here + 1, len(self._lanes))}
            return [_bars(here + 1) | fan | moved], _numbered([*left, *parents, *right])
        lanes = _numbered([*left, *(parents or (None,)), *right])
        return [], [lane for lane in lanes if lane[1] is not None]

    def _settle(self, lanes: list[tuple[int, Hashable]]) -> Iterator[_Cells]:
        """Moves lanes left until each commit is waited for once and no gap is left."""
        self._lanes = list(dict.fromkeys(commit for _, commit in lanes))
        while any(column != self._lanes.index(commit) for column, commit in lanes):
            cells: _Cells = {}
            moved = []
            for column, commit in lanes:
                moves = column > self._lanes.index(commit)
                cells[2 * column - 1 if moves else 2 * column] = "/" if moves else "|"
                moved.append((column - moves, commit))
            lanes = moved
            yield cells

    def _text(self, cells: _Cells, width: int) -> str:
        row = (cells.get(position, " ") for position in range(max(cells, default=-1) + 1))
        painted = "".join(
            self.paint(character, (position + 1) // 2) if character not in " *" else character
            for position, character in enumerate(row)
        )
        return painted + " " * (width - max(cells, default=-1) - 1)


def _bars(count: int) -> _Cells:
    return {2 * column: "|" for column in range(count)}


def _numbered(lanes: Sequence[Hashable]) -> list[tuple[int, Hashable]]:
    return list(enumerate(lanes))
