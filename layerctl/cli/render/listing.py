"""Entries of a directory as ``ls -l`` shows them."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from layerctl.cli.render.names import quote
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


def listing_lines(entries: Sequence[tuple[bytes, Entry]]) -> Iterator[str]:
    """Mode, owner, size (or device numbers), time in UTC and name."""
    rows = [_cells(name, entry) for name, entry in entries]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    for mode, uid, gid, size, time, name in rows:
        owner = f"{uid:>{widths[1]}} {gid:>{widths[2]}}"
        yield f"{mode} {owner} {size:>{widths[3]}} {time} {name}"


def _cells(name: bytes, entry: Entry) -> tuple[str, str, str, str, str, str]:
    arrow = f" -> {quote(entry.target)}" if entry.target is not None else ""
    size = ", ".join(map(str, entry.rdev)) if entry.rdev is not None else str(entry.size)
    mode = stat.filemode(_TYPES[entry.kind] | entry.mode)
    return mode, str(entry.uid), str(entry.gid), size, _time(entry.mtime_ns), quote(name) + arrow


def _time(mtime_ns: int) -> str:
    try:
        return datetime.fromtimestamp(mtime_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return f"@{mtime_ns // 1_000_000_000}".rjust(16)
