"""Numbers as people read them."""

from __future__ import annotations


def amount(value: float, unit: str) -> str:
    """A value with its unit."""
    if unit == "s":
        return seconds(value)
    return bytes_of(value) if unit == "bytes" else f"{value:,.0f} {unit}"


def seconds(value: float) -> str:
    """Three digits that count."""
    if value < 0.001:
        return f"{value * 1e6:.0f} µs"
    if value < 1:
        return f"{value * 1e3:.3g} ms" if value < 0.1 else f"{value * 1e3:.0f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def bytes_of(value: float) -> str:
    """In units of 1,000."""
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def ratio(value: float, other: float) -> str:
    """How many times as much."""
    times = value / other
    return f"{times:.2f}×" if times < 10 else f"{times:,.0f}×"
