"""Sizes, counts and times as people read them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layerctl.model.layer import LayerDescriptor

_UNITS = ("kB", "MB", "GB", "TB", "PB")
_SPANS = (
    (90, 1, "second"),
    (90 * 60, 60, "minute"),
    (36 * 3600, 3600, "hour"),
    (14 * 86400, 86400, "day"),
    (70 * 86400, 7 * 86400, "week"),
    (365 * 86400, 30 * 86400, "month"),
)


def size_text(size: int) -> str:
    """``1.2 MB``: at most four digits, powers of 1000."""
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in _UNITS:
        value /= 1000
        if value < 999.5 or unit == _UNITS[-1]:
            break
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def count_text(count: int, noun: str) -> str:
    """``1 path``, ``1,204 paths``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def relative_time(date: datetime, now: datetime) -> str:
    """``3 hours ago``, in Git's steps."""
    seconds = int((now - date).total_seconds())
    if seconds < 0:
        return "in the future"
    for limit, unit, name in _SPANS:
        if seconds < limit:
            return f"{count_text((seconds + unit // 2) // unit, name)} ago"
    return f"{count_text(max(1, round(seconds / (365.25 * 86400))), 'year')} ago"


def absolute_time(date: datetime) -> str:
    """``2026-11-23 22:53:44 +0000``."""
    return date.strftime("%Y-%m-%d %H:%M:%S %z")


def counts_text(added: int, modified: int, deleted: int) -> str:
    """``3 added, 2 deleted``: only what there is."""
    parts = ((added, "added"), (modified, "modified"), (deleted, "deleted"))
    return ", ".join(f"{count:,} {word}" for count, word in parts if count) or "no changes"


def layer_text(layer: LayerDescriptor) -> str:
    """``3 added, 1 modified, 1.2 MB (sealed)``."""
    counts = counts_text(layer.added, layer.modified, layer.deleted)
    return f"{counts}, {size_text(layer.size)} ({layer.quiescence.value})"
