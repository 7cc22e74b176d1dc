"""``diff -p``: unified text diffs with what changed about mode, owner and attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from layerctl.cli.render.names import quote
from layerctl.cli.render.quantities import size_text
from layerctl.model.change import Change, ChangeKind
from layerctl.model.entry import Entry, Kind
from layerctl.model.linediff import Opcode, hunks, split_lines
from layerctl.model.scan import RootPath
from layerctl.values import replace

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style

#: Bytes; a longer file is not compared line by line.
LARGEST = 8 << 20

#: Reads a regular file's content on one side of the diff.
Read = Callable[[RootPath], bytes]

_TYPE_BITS = {
    Kind.FILE: 0o100000,
    Kind.DIR: 0o040000,
    Kind.SYMLINK: 0o120000,
    Kind.CHAR: 0o020000,
    Kind.BLOCK: 0o060000,
    Kind.FIFO: 0o010000,
    Kind.SOCKET: 0o140000,
}
_NO_NEWLINE = "\\ No newline at end of file"
_SNIFF = 8000


def patch_lines(change: Change, read_old: Read, read_new: Read, style: Style) -> Iterator[str]:
    """One change as a patch; a change of type is one path gone and one new.

    Args:
        change: what differs.
        read_old: content before.
        read_new: content after.
        style: colours.
    """
    if change.kind is ChangeKind.TYPE:
        yield from patch_lines(replace(change, new=None), read_old, read_new, style)
        yield from patch_lines(replace(change, old=None), read_old, read_new, style)
        return
    for line in _header(change):
        yield style(line, "bold")
    yield from _content(change, read_old, read_new, style)


def _header(change: Change) -> Iterator[str]:
    yield f"diff --layerctl {_name(b'a/', change.path)} {_name(b'b/', change.path)}"
    if change.old is None and change.new is not None:
        yield f"new file mode {mode_text(change.new)}"
        yield from _owner("", change.new) if (change.new.uid, change.new.gid) != (0, 0) else ()
    elif change.new is None and change.old is not None:
        yield f"deleted file mode {mode_text(change.old)}"
    elif change.old is not None and change.new is not None:
        yield from _metadata(change.old, change.new)
        if change.relinked:
            yield "hard links changed"


def _metadata(old: Entry, new: Entry) -> Iterator[str]:
    if old.mode != new.mode:
        yield f"old mode {mode_text(old)}"
        yield f"new mode {mode_text(new)}"
    if (old.uid, old.gid) != (new.uid, new.gid):
        yield from _owner("old ", old)
        yield from _owner("new ", new)
    if old.rdev != new.rdev:
        yield f"old device {old.rdev}"
        yield f"new device {new.rdev}"
    yield from _xattrs(dict(old.xattrs), dict(new.xattrs))
    if new._replace(mtime_ns=old.mtime_ns) == old and old.mtime_ns != new.mtime_ns:
        yield "modification time changed"


def _owner(which: str, entry: Entry) -> Iterator[str]:
    yield f"{which}owner {entry.uid}:{entry.gid}"


def _xattrs(old: dict[bytes, bytes], new: dict[bytes, bytes]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            verb = "added" if name not in old else "removed" if name not in new else "changed"
            yield f"xattr {quote(name)} {verb}"


def mode_text(entry: Entry) -> str:
    """As Git writes modes: ``100644``."""
    return f"{_TYPE_BITS[entry.kind] | entry.mode:06o}"


def _content(change: Change, read_old: Read, read_new: Read, style: Style) -> Iterator[str]:
    sides = [entry for entry in (change.old, change.new) if entry is not None]
    if len(sides) == 2 and (sides[0].digest, sides[0].target) == (sides[1].digest, sides[1].target):
        return
    if not any(entry.kind in (Kind.FILE, Kind.SYMLINK) for entry in sides):
        return
    names = (
        _name(b"a/", change.path) if change.old is not None else "/dev/null",
        _name(b"b/", change.path) if change.new is not None else "/dev/null",
    )
    if any(entry.size > LARGEST for entry in sides):
        yield f"Files {names[0]} and {names[1]} differ (too large to show: {size_text(max(e.size for e in sides))})"
        return
    old, new = _text(change.old, change.path, read_old), _text(change.new, change.path, read_new)
    if b"\0" in old[:_SNIFF] or b"\0" in new[:_SNIFF]:
        yield f"Binary files {names[0]} and {names[1]} differ"
    elif old != new:
        yield from (
            style(f"{mark} {name}{_end(name)}", "bold") for mark, name in zip(("---", "+++"), names, strict=True)
        )
        yield from unified(split_lines(old), split_lines(new), style)


def _text(entry: Entry | None, path: RootPath, read: Read) -> bytes:
    if entry is None:
        return b""
    return entry.target if entry.target is not None else read(path)


def unified(old: list[bytes], new: list[bytes], style: Style) -> Iterator[str]:
    """The hunks of a unified diff."""
    for group in hunks(old, new):
        first, last = group[0], group[-1]
        ranges = f"-{_range(first[1], last[2])} +{_range(first[3], last[4])}"
        yield style(f"@@ {ranges} @@", "cyan")
        for code in group:
            yield from _code_lines(code, old, new, style)


def _code_lines(code: Opcode, old: list[bytes], new: list[bytes], style: Style) -> Iterator[str]:
    tag, old_from, old_to, new_from, new_to = code
    if tag == "equal":
        yield from _marked(" ", old[old_from:old_to], style)
        return
    yield from _marked("-", old[old_from:old_to], style, "red")
    yield from _marked("+", new[new_from:new_to], style, "green")


def _marked(mark: str, lines: list[bytes], style: Style, *colors: str) -> Iterator[str]:
    for line in lines:
        yield style(mark + line.removesuffix(b"\n").decode("utf-8", "surrogateescape"), *colors)
        if not line.endswith(b"\n"):
            yield _NO_NEWLINE


def _range(start: int, end: int) -> str:
    """As POSIX has it for unified diffs: an empty range names the line before."""
    length = end - start
    if length == 1:
        return f"{start + 1}"
    return f"{start + 1 if length else start},{length}"


def _name(side: bytes, path: RootPath) -> str:
    return quote(side + path)


def _end(name: str) -> str:
    """A tab shows patch(1) where a name with spaces ends."""
    return "\t" if " " in name else ""
