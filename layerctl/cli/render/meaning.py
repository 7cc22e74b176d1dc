"""What a diff means beyond its paths: packages, and the image config."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from layerctl.cli.render.changes import COLORS
from layerctl.cli.render.columns import align
from layerctl.cli.render.names import quote
from layerctl.cli.text import one_line
from layerctl.model.packages import PackageChange, PackageChangeKind, PackageDiff

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style
    from layerctl.model.configdiff import ConfigChange

_PACKAGE_COLORS = {
    PackageChangeKind.ADDED: "green",
    PackageChangeKind.REMOVED: "red",
    PackageChangeKind.UPGRADED: "yellow",
    PackageChangeKind.DOWNGRADED: "magenta",
    PackageChangeKind.CHANGED: "yellow",
}
_LONGEST_VALUE = 60


def package_lines(difference: PackageDiff, style: Style) -> Iterator[str]:
    """``upgraded  dpkg  libc6  2.36-9 → 2.36-10``, aligned, and a line of totals."""
    foreign = _foreign(difference.changes)
    rows = [
        (change.kind.value, change.package.ecosystem, _name(change, foreign), _versions(change), _where(change))
        for change in difference.changes
    ]
    lines = align(rows, paint=(None, None, None, None, lambda text: style(text, "dim")))
    for change, line in zip(difference.changes, lines, strict=True):
        word = change.kind.value
        yield f"{style(word, _PACKAGE_COLORS[change.kind])}{line[len(word) :]}"
    counts = Counter(change.kind for change in difference.changes)
    yield ", ".join(f"{counts[kind]:,} {kind.value}" for kind in PackageChangeKind if counts[kind])


def _foreign(changes: Sequence[PackageChange]) -> set[tuple[str, str]]:
    """Packages that come in more than one architecture."""
    names = {(change.package.ecosystem, change.package.name, change.package.architecture) for change in changes}
    return {name for name, count in Counter((ecosystem, name) for ecosystem, name, _ in names).items() if count > 1}


def _name(change: PackageChange, foreign: set[tuple[str, str]]) -> str:
    package = change.package
    architecture = f":{package.architecture}" if (package.ecosystem, package.name) in foreign else ""
    return one_line(package.name + (architecture if package.architecture else ""))


def _versions(change: PackageChange) -> str:
    return " → ".join(one_line(version) for version in (change.old, change.new) if version is not None)


def _where(change: PackageChange) -> str:
    return f"(/{quote(change.package.location)})" if change.package.location else ""


def config_lines(changes: Sequence[ConfigChange], style: Style) -> Iterator[str]:
    """``M  Env.PATH  /bin → /usr/bin``, aligned."""
    rows = [(change.kind.value, one_line(change.key), _values(change)) for change in changes]
    for change, line in zip(changes, align(rows), strict=True):
        head = 3 + len(one_line(change.key))
        yield f"{style(line[:head], COLORS[change.kind])}{line[head:]}"


def _values(change: ConfigChange) -> str:
    shown = (_value(value) for value in (change.old, change.new) if value is not None)
    return " → ".join(text for text in shown if text)


def _value(value: Any) -> str:
    """A JSON value on one line; nothing for a port or a volume, whose key says it all."""
    if value == {}:
        return ""
    text = one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    text = text if text else '""'
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
