"""The operation log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from layerctl.cli.render.quantities import relative_time
from layerctl.cli.text import one_line, printable
from layerctl.model.effects import Effect, effects

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style
    from layerctl.model.operation import Operation

_HEX = 40
_SHORT = 7


def operation_lines(
    operations: Iterable[Operation], now: datetime, style: Style, *, oneline: bool = False
) -> Iterator[str]:
    """``12  3 minutes ago  commit  layerctl commit -m x``, and below it who did it and what it moved."""
    for operation in operations:
        number = style(f"{operation.number:>4}", "yellow")
        undoes = f" (takes back {operation.undoes})" if operation.undoes is not None else ""
        when = relative_time(operation.time, now)
        yield f"{number}  {when:<14}  {operation.verb:<15}  {one_line(operation.description)}{undoes}".rstrip()
        if not oneline:
            yield style(f"      {printable(operation.author)}", "dim")
            yield from (f"      {_effect_text(effect)}" for effect in effects(operation))


def _effect_text(effect: Effect) -> str:
    old, new = _short(effect.old), _short(effect.new)
    if effect.what == "worktree":
        return f"worktree {printable(effect.name)}: {_worktree_text(effect)}"
    if effect.what == "write-layer":
        return f"write layer of {printable(effect.name)}: {_write_layer_text(effect)}"
    what = f"HEAD of {printable(effect.name)}" if effect.what == "head" else f"{effect.what} {printable(effect.name)}"
    if old is None or new is None:
        return f"{what}: made at {new}" if old is None else f"{what}: deleted (was {old})"
    return f"{what}: {old} → {new}"


def _worktree_text(effect: Effect) -> str:
    if effect.old is None:
        return "added"
    return f"set aside in {effect.new}" if effect.old == "worktree" else f"back from {effect.old}"


def _write_layer_text(effect: Effect) -> str:
    if effect.old != "worktree":
        return f"back from {effect.old}"
    named = {"layer": "now a layer", "dropped": "dropped"}
    return named.get(effect.new or "", f"parked in {effect.new}")


def _short(value: str | None) -> str | None:
    if value is None:
        return None
    is_id = len(value) == _HEX and all(letter in "0123456789abcdef" for letter in value)
    return value[:_SHORT] if is_id else printable(value)
