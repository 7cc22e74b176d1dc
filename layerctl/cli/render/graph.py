r"""``log --graph`` as Git draws it: columns from children to parents, with ``* | \ / _``.

A column waits for one commit. Drawing a commit ends the column that waited for it and adds one for each parent that
nobody waits for yet. A *mapping* says where the edges are: at each position of the last row the number of the column
that an edge leads to, or nothing. Edges whose column is not where they are move left, row by row, until it is.
Source: the behaviour of git-log(1), checked against it on random histories.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence

from layerctl.values import field, frozen, record

#: Paints one character of a column: the character and the column's number of a colour.
Paint = Callable[[str, int], str]

#: A row: characters, each with the colour of its column; None for spaces and commits.
_Cells = list[tuple[str, int | None]]


def _unpainted(text: str, _color: int) -> str:
    return text


@frozen
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


@frozen
class _Column:
    commit: Hashable
    color: int


@record
class _Step:
    """One commit being drawn.

    Attributes:
        commit: it.
        parents: of it.
        old: columns above it.
        new: columns below it.
        here: its place among the old ones.
        mapping: the column that each position leads to.
        width: of its rows.
        layout: of a merge, where its first parent goes: 0 to the left, 1 straight down; else -1.
        added: how many columns it adds to its right; -1 if the last of them joins its neighbour at once.
    """

    commit: Hashable
    parents: Sequence[Hashable]
    old: list[_Column]
    new: list[_Column] = field(default_factory=list)
    here: int = 0
    mapping: dict[int, int] = field(default_factory=dict)
    width: int = 0
    layout: int = -1
    added: int = 0

    def find(self, commit: Hashable) -> int:
        """The new column that waits for a commit; -1 if there is none."""
        return next((number for number, column in enumerate(self.new) if column.commit == commit), -1)

    @property
    def dashes(self) -> int:
        """Parents right of the second one of an octopus merge."""
        return max(0, len(self.parents) + self.layout - 3)

    @property
    def is_settled(self) -> bool:
        """Whether every edge is in its column."""
        return all(target == position // 2 for position, target in self.mapping.items())


@record
class Graph:
    """Draws commits one after another, children before parents.

    Attributes:
        paint: colours for columns.
    """

    paint: Paint = _unpainted
    _columns: list[_Column] = field(default_factory=list)
    _color: int = -1
    _last: _Step | None = None
    #: how the last row of the last commit was made: "merge", "collapse" or "".
    _ended: str = ""
    #: positions before the last move to the left.
    _moved: dict[int, int] = field(default_factory=dict)

    def draw(self, commit: Hashable, parents: Sequence[Hashable]) -> Drawing:
        """Draws one commit and moves on to its parents."""
        step = self._step(commit, list(dict.fromkeys(parents)))
        before = list(self._room(step))
        row = self._commit_row(step, widened=bool(before))
        after = []
        self._ended = ""
        if len(step.parents) > 1:
            after.append(_merge_row(step))
            self._ended = "merge"
        while not step.is_settled:
            after.append(self._collapse(step))
            self._ended = "collapse"
        self._last, self._columns = step, step.new
        padding: _Cells = [cell for column in step.new for cell in (("|", column.color), (" ", None))]
        width = max(step.width, *(len(cells) for cells in (row, padding, *after)))
        return Drawing(
            tuple(self._text(cells, 0) for cells in before),
            self._text(row, width),
            tuple(self._text(cells, width) for cells in after),
            self._text(padding, width),
        )

    # ------------------------------------------------------------------------------------------- columns and mapping

    def _step(self, commit: Hashable, parents: Sequence[Hashable]) -> _Step:
        step = _Step(commit, parents, self._columns)
        waited = [column.commit for column in self._columns]
        is_new = commit not in waited
        for number, waiting in enumerate([*waited, commit] if is_new else waited):
            if waiting != commit:
                self._insert(step, waiting, None)
                continue
            step.here, step.layout = number, -1
            for parent in parents:
                if len(parents) > 1 or is_new:
                    self._color += 1
                self._insert(step, parent, number)
            step.width += 0 if parents else 2
        return step

    def _insert(self, step: _Step, commit: Hashable, origin: int | None) -> None:
        """Leads an edge to the column of a commit, a new one if need be."""
        target = step.find(commit)
        if target < 0:
            target = len(step.new)
            step.new.append(_Column(commit, self._color_of(commit)))
        if origin is not None and len(step.parents) > 1 and step.layout == -1:
            distance = origin - target
            shift = 2 * distance - 3 if distance > 1 else 1
            step.layout = 0 if distance > 0 else 1
            step.added = len(step.parents) + step.layout - 2
            position = step.width + (step.layout - 1) * shift
            step.width += 2 * step.layout
        elif step.added > 0 and step.mapping.get(step.width - 2) == target:
            position = step.width - 2
            step.added = -1
        else:
            position = step.width
            step.width += 2
        step.mapping[position] = target

    def _color_of(self, commit: Hashable) -> int:
        return next((column.color for column in self._columns if column.commit == commit), max(self._color, 0))

    # ---------------------------------------------------------------------------------------------------------- rows

    def _room(self, step: _Step) -> Iterator[_Cells]:
        """Rows in which columns right of an octopus merge move away."""
        if len(step.parents) < 3 or step.here >= len(step.old) - 1:
            return
        for number in range(2 * step.dashes):
            cells: _Cells = []
            for index, column in enumerate(step.old):
                slanted = index > step.here and (number > 0 or (self._ended == "merge" and self._was_left_of(index)))
                cells.append(("\\" if slanted else "|", column.color))
                cells += [(" ", None)] * (number + 1 if index == step.here else 1)
            yield cells

    def _was_left_of(self, index: int) -> bool:
        return self._last is not None and self._last.here < index

    def _commit_row(self, step: _Step, *, widened: bool) -> _Cells:
        cells: _Cells = []
        for index in range(max(len(step.old), step.here + 1)):
            if index == step.here:
                cells += [("*", None), *_dashes(step)]
            else:
                cells.append((self._beside(step, index, widened=widened), step.old[index].color))
            cells.append((" ", None))
        return cells

    def _beside(self, step: _Step, index: int, *, widened: bool) -> str:
        """What another column is in the row of a commit."""
        if index > step.here and step.added > 1:
            return "\\"
        if index > step.here and step.added == 1:
            slanted = not widened and self._ended == "merge" and self._was_left_of(index)
            return "\\" if slanted and self._last is not None and self._last.added > 0 else "|"
        moving = self._ended == "collapse" and not widened and self._moved.get(2 * index + 1) == index
        return "/" if moving and step.mapping.get(2 * index, -1) < index else "|"

    def _collapse(self, step: _Step) -> _Cells:
        """Moves every edge that is not in its column to the left: one position, and the first of them all the way."""
        moved: dict[int, int] = {}
        edge, edge_target = -1, -1
        for position, target in sorted(step.mapping.items()):
            if 2 * target == position:
                moved[position] = target
                continue
            neighbour = moved.get(position - 1, -1)
            crosses = neighbour not in (-1, target)
            moved[position - 1 - crosses] = target
            if neighbour != target and edge < 0:
                edge, edge_target = position - crosses, target
                moved |= dict.fromkeys(range(2 * target + 3, position - 2, 2), target)
        self._moved = dict(moved)
        step.mapping = moved
        return _moved_row(step, edge, edge_target)

    def _text(self, cells: _Cells, width: int) -> str:
        painted = "".join(text if color is None else self.paint(text, color) for text, color in cells)
        return painted + " " * (width - len(cells))


def _dashes(step: _Step) -> _Cells:
    """What joins an octopus merge to its parents."""
    if len(step.parents) < 3:
        return []
    cells: _Cells = []
    for number in range(step.dashes):
        target = step.mapping.get(2 * (step.here + number + 2))
        color = step.new[target].color if target is not None else 0
        cells += [("-", color), ("." if number == step.dashes - 1 else "-", color)]
    return cells


def _merge_row(step: _Step) -> _Cells:
    """The row below a merge: edges to its parents."""
    cells: _Cells = []
    first: int | None = None
    waited = [column.commit for column in step.old] + ([step.commit] if step.here == len(step.old) else [])
    for index, commit in enumerate(waited):
        if index == step.here:
            cells += _edges(step)
        elif index > step.here:
            cells += [("\\" if step.added > 0 else "|", step.old[index].color), (" ", None)]
        else:
            cells.append(("|", step.old[index].color))
            if step.layout != 0 or index != step.here - 1:
                cells.append((" ", None) if first is None else ("_", first))
        if commit == step.parents[0]:
            first = step.old[index].color
    return cells


def _edges(step: _Step) -> _Cells:
    cells: _Cells = []
    characters = "/|\\"
    which = step.layout
    for number, parent in enumerate(step.parents):
        cells.append((characters[which], step.new[step.find(parent)].color))
        if which < 2:
            which += 1
        elif step.added > 0 or number < len(step.parents) - 1:
            cells.append((" ", None))
    return [*cells, (" ", None)] if step.added == 0 else cells


def _moved_row(step: _Step, edge: int, edge_target: int) -> _Cells:
    """The row of a mapping; of the edge that goes far, only its beginning goes on in the next row."""
    cells: _Cells = []
    horizontal = False
    for position in range(max(step.mapping) + 1):
        target = step.mapping.get(position, -1)
        if target < 0:
            cells.append((" ", None))
            continue
        character = "|" if 2 * target == position else "/"
        if character == "/" and target == edge_target and position != edge - 1:
            character, horizontal = "_", True
            if position != 2 * target + 3:
                del step.mapping[position]
        elif character == "/" and horizontal and position < edge:
            del step.mapping[position]
        cells.append((character, step.new[target].color))
    return cells
