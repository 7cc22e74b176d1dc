"""Entries of a directory as ``ls -l`` shows them."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from layerctl.cli.render.names import display, quote
from layerctl.cli.render.style import PLAIN, Style
from layerctl.model.entry import Entry, Kind

_TYPES = {
    Kind.FILE: stat.S_IFREG,
    Kind.DIR: stat.S_IFDIR,
    Kind.SYMLINK: stat.S_IFLNK,
    Kind.CHAR: stat.S_IFCHR,
    Kind.BLOCK: stat.S_IFBLK,
    Kind.FIFO: stat.S_IFIFO,
    Kind.SOCKET: stat.S_IFSOCK,
}


#: As ``ls --color`` has them.
_COLORS: dict[Kind, tuple[str, ...]] = {
    Kind.FILE: (),
    Kind.DIR: ("bold", "blue"),
    Kind.SYMLINK: ("bold", "cyan"),
    Kind.CHAR: ("bold", "yellow"),
    Kind.BLOCK: ("bold", "yellow"),
    Kind.FIFO: ("yellow",),
    Kind.SOCKET: ("bold", "magenta"),
}


def entry_name(name: bytes, entry: Entry, style: Style) -> str:
    """A name in the colour of its kind, with a slash if it is a directory, and where a symlink leads."""
    runs = entry.kind is Kind.FILE and entry.mode & 0o111
    text = style(display(name, entry.kind), *(("bold", "green") if runs else _COLORS[entry.kind]))
    return f"{text} -> {quote(entry.target)}" if entry.target is not None else text


def listing_lines(entries: Sequence[tuple[bytes, Entry]], style: Style = PLAIN) -> Iterator[str]:
    """Mode, owner, size (or device numbers), time in UTC and name."""
    rows = [_cells(name, entry, style) for name, entry in entries]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    for mode, uid, gid, size, time, name in rows:
        owner = f"{uid:>{widths[1]}} {gid:>{widths[2]}}"
        yield f"{mode} {owner} {size:>{widths[3]}} {time} {name}"


def _cells(name: bytes, entry: Entry, style: Style) -> tuple[str, str, str, str, str, str]:
    size = ", ".join(map(str, entry.rdev)) if entry.rdev is not None else str(entry.size)
    mode = stat.filemode(_TYPES[entry.kind] | entry.mode)
    return mode, str(entry.uid), str(entry.gid), size, _time(entry.mtime_ns), entry_name(name, entry, style)


def _time(mtime_ns: int) -> str:
    try:
        return datetime.fromtimestamp(mtime_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return f"@{mtime_ns // 1_000_000_000}".rjust(16)
