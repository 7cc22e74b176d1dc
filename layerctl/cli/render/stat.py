"""``--stat``: what a change weighs, biggest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from layerctl.cli.render.changes import path_text
from layerctl.cli.render.quantities import count_text, counts_text, size_text
from layerctl.model.change import Aspect, Change, ChangeKind
from layerctl.model.entry import Entry, Kind
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style

_LONGEST_PATH = 50
_SHORTEST_PATH = 12
_SMALLEST_BAR = 8


@frozen
class Weight:
    """Bytes that came and bytes that went with one path."""

    change: Change
    came: int
    went: int

    @property
    def total(self) -> int:
        """Bytes touched."""
        return self.came + self.went

    @property
    def text(self) -> str:
        """``+1.2 kB -286 B``; for a change without content, what changed."""
        parts = [f"+{size_text(self.came)}" if self.came else "", f"-{size_text(self.went)}" if self.went else ""]
        return " ".join(part for part in parts if part) or _without_content(self.change)


def stat_lines(changes: Sequence[Change], style: Style, width: int, limit: int | None = None) -> Iterator[str]:
    """One line a path with a bar, biggest first, and a line of totals.

    Args:
        changes: without noise.
        style: colours.
        width: of the terminal.
        limit: show only so many paths.
    """
    weights = sorted(map(weigh, changes), key=lambda weight: (-weight.total, weight.change.path))
    shown = weights[:limit]
    text_width = max((len(weight.text) for weight in shown), default=0)
    room = max(_SHORTEST_PATH, min(_LONGEST_PATH, width - text_width - _SMALLEST_BAR - 5))
    names = [_shorten(path_text(weight.change), room) for weight in shown]
    name_width = max(map(len, names), default=0)
    bar_width = max(_SMALLEST_BAR, width - name_width - text_width - 5)
    heaviest = max((weight.total for weight in shown), default=0)
    for name, weight in zip(names, shown, strict=True):
        bar = _bar(weight, heaviest, bar_width, style)
        yield f" {name:<{name_width}} | {weight.text:>{text_width}} {bar}".rstrip()
    if len(shown) < len(weights):
        yield f" … and {count_text(len(weights) - len(shown), 'smaller path')}"
    yield f" {totals_text(totals_of(changes))}"


def weigh(change: Change) -> Weight:
    """What a change weighs."""
    if change.kind is ChangeKind.MODIFIED and Aspect.CONTENT not in change.what:
        return Weight(change, 0, 0)
    return Weight(change, _size(change.new), _size(change.old))


@frozen
class Totals:
    """What a diff weighs in all; a change of type counts as modified."""

    added: int
    modified: int
    deleted: int
    came: int
    went: int


def totals_of(changes: Iterable[Change]) -> Totals:
    """Counts and sums, in bytes."""
    weights = list(map(weigh, changes))
    kinds = [weight.change.kind for weight in weights]
    return Totals(
        kinds.count(ChangeKind.ADDED),
        kinds.count(ChangeKind.MODIFIED) + kinds.count(ChangeKind.TYPE),
        kinds.count(ChangeKind.DELETED),
        sum(weight.came for weight in weights),
        sum(weight.went for weight in weights),
    )


def totals_text(totals: Totals) -> str:
    """``3 added, 1 modified, 2 deleted; +1.2 MB, -286 B``."""
    counts = counts_text(totals.added, totals.modified, totals.deleted)
    came, went = totals.came, totals.went
    sizes = [f"+{size_text(came)}" if came else "", f"-{size_text(went)}" if went else ""]
    return "; ".join(part for part in (counts, ", ".join(size for size in sizes if size)) if part)


def _size(entry: Entry | None) -> int:
    return entry.size if entry is not None and entry.kind is Kind.FILE else 0


def _without_content(change: Change) -> str:
    if change.kind is not ChangeKind.MODIFIED:
        return {ChangeKind.ADDED: "new", ChangeKind.DELETED: "gone"}.get(change.kind, "type")
    aspects = [aspect.value for aspect in change.what if aspect is not Aspect.MTIME]
    return ", ".join(aspects) or Aspect.MTIME.value


def _shorten(name: str, room: int) -> str:
    return name if len(name) <= room else f"...{name[3 - room :]}"


def _bar(weight: Weight, heaviest: int, width: int, style: Style) -> str:
    if not weight.total:
        return ""
    length = max(1, round(weight.total / heaviest * width))
    plus = round(length * weight.came / weight.total)
    if length > 1 and weight.came and weight.went:
        plus = min(max(plus, 1), length - 1)
    return style("+" * plus, "green") + style("-" * (length - plus), "red")
