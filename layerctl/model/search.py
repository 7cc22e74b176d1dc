"""What ``grep`` looks for, and what it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.scan import RootPath


@frozen
class Query:
    """What to look for.

    Attributes:
        patterns: regular expressions in Python's syntax, over bytes; a line matches if one of them does.
        fixed: they are plain text.
        ignore_case: ASCII letters match in either case.
        names_only: it is enough to know which files match.
    """

    patterns: tuple[bytes, ...]
    fixed: bool = False
    ignore_case: bool = False
    names_only: bool = False


@frozen
class Hit:
    """A line that matches.

    Attributes:
        number: from 1.
        line: without its newline.
        spans: where in it, as ``(start, end)``.
    """

    number: int
    line: bytes
    spans: tuple[tuple[int, int], ...]


@frozen
class FoundFile:
    """A file that matches.

    Attributes:
        path: relative to the rootfs.
        binary: its lines are not told.
        hits: empty for a binary file, or if the query wants names only.
    """

    path: RootPath
    binary: bool
    hits: tuple[Hit, ...] = ()
