"""Changes, one a line: as a list for people, and as ``git diff --name-status`` prints them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from layerctl.cli.render.columns import align
from layerctl.cli.render.names import display, quote
from layerctl.cli.render.quantities import count_text, size_text
from layerctl.model.change import Aspect, Change, ChangeKind
from layerctl.model.entry import Entry, Kind
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style

COLORS = {
    ChangeKind.ADDED: "green",
    ChangeKind.MODIFIED: "yellow",
    ChangeKind.DELETED: "red",
    ChangeKind.TYPE: "magenta",
}

_KIND_NAMES = {
    Kind.FILE: "file",
    Kind.DIR: "directory",
    Kind.SYMLINK: "symlink",
    Kind.CHAR: "character device",
    Kind.BLOCK: "block device",
    Kind.FIFO: "fifo",
    Kind.SOCKET: "socket",
}

#: A directory that came or went whole is one line if it holds more paths than this.
_FOLD = 8


@frozen
class Row:
    """One line of a list of changes."""

    kind: ChangeKind
    path: str
    what: str
    size: str


def visible(changes: Iterable[Change]) -> list[Change]:
    """Without directories that have a new mtime and nothing else."""
    return [change for change in changes if not change.is_noise]


def list_changes(changes: Sequence[Change], style: Style, *, indent: str = "", fold: bool = False) -> Iterator[str]:
    """``M  etc/motd  (content, mode)  286 B → 304 B``, aligned.

    Args:
        changes: sorted by path.
        style: colours.
        indent: before each line.
        fold: directories that came or went whole are one line each.
    """
    rows = list(_folded(changes) if fold else map(_row, changes))
    cells = [(row.kind.value, row.path, row.what, row.size) for row in rows]
    lines = align(cells, paint=(None, None, lambda text: style(text, "dim")))
    for row, line in zip(rows, lines, strict=True):
        head = len(row.kind.value) + 2 + len(row.path)
        yield f"{indent}{style(line[:head], COLORS[row.kind])}{line[head:]}"


def name_status(changes: Iterable[Change]) -> Iterator[str]:
    """``M<tab>etc/motd``, paths quoted where they are odd."""
    return (f"{change.kind.value}\t{quote(change.path) or '/'}" for change in changes)


def name_status_z(changes: Iterable[Change]) -> Iterator[bytes]:
    """The same for programs: raw paths, everything ended by NUL."""
    return (change.kind.value.encode() + b"\0" + change.path + b"\0" for change in changes)


def kind_name(kind: Kind) -> str:
    """A file type in words."""
    return _KIND_NAMES[kind]


def entry_of(change: Change) -> Entry:
    """The entry after the change, or before it if the path is gone."""
    entry = change.new or change.old
    assert entry is not None
    return entry


def path_text(change: Change) -> str:
    """The path with a slash if it is a directory, and where a symlink leads."""
    entry = entry_of(change)
    arrow = f" -> {quote(entry.target)}" if entry.target is not None else ""
    return display(change.path, entry.kind) + arrow


def _row(change: Change) -> Row:
    return Row(change.kind, path_text(change), _what(change), _sizes(change))


def _what(change: Change) -> str:
    if change.kind is ChangeKind.TYPE and change.old is not None and change.new is not None:
        return f"({kind_name(change.old.kind)} → {kind_name(change.new.kind)})"
    aspects = [aspect for aspect in change.what if aspect is not Aspect.MTIME or change.what == (Aspect.MTIME,)]
    return f"({', '.join(aspect.value for aspect in aspects)})" if aspects else ""


def _sizes(change: Change) -> str:
    old = change.old if change.old is not None and change.old.kind is Kind.FILE else None
    new = change.new if change.new is not None and change.new.kind is Kind.FILE else None
    if old is not None and new is not None and old.size != new.size:
        return f"{size_text(old.size)} → {size_text(new.size)}"
    entry = new or old
    return size_text(entry.size) if entry is not None else ""


def _folded(changes: Sequence[Change]) -> Iterator[Row]:
    index = 0
    while index < len(changes):
        end = _end_of_whole(changes, index)
        if end - index - 1 > _FOLD:
            yield _fold(changes[index:end])
            index = end
        else:
            yield _row(changes[index])
            index += 1


def _end_of_whole(changes: Sequence[Change], start: int) -> int:
    """Where the paths below a directory end that came or went whole with everything in it."""
    top = changes[start]
    if top.kind not in (ChangeKind.ADDED, ChangeKind.DELETED) or entry_of(top).kind is not Kind.DIR or not top.path:
        return start + 1
    end = start + 1
    while end < len(changes) and changes[end].path.startswith(top.path + b"/") and changes[end].kind is top.kind:
        end += 1
    return end


def _fold(changes: Sequence[Change]) -> Row:
    size = sum(entry_of(change).size for change in changes)
    return Row(
        changes[0].kind, path_text(changes[0]), f"({count_text(len(changes) - 1, 'path')} in it)", size_text(size)
    )
