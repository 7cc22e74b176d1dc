"""Looking for lines in open files, whatever their size."""

from __future__ import annotations

import errno
import os
import re
import warnings
from collections.abc import Iterator

from layerctl.errors import UsageError
from layerctl.model.search import Hit, Query

_CHUNK = 4 << 20
#: A longer line is searched in pieces.
_LONGEST_LINE = 64 << 20
_SNIFF = 8000

_POSIX_CLASS = re.compile(rb"\[:[a-z]+:\]")
#: What can match a line but not the same line amid others: ends of the text, looking around, giving nothing back.
_LOOKS_FURTHER = re.compile(rb"\\[AZ]|\(\?[=!<>(]|[*+?}]\+")


class Matcher:
    """Tells lines that match a query.

    Raises:
        UsageError: a pattern is no regular expression.
    """

    def __init__(self, query: Query) -> None:
        flags = re.IGNORECASE if query.ignore_case else 0
        patterns = [part for pattern in query.patterns for part in pattern.split(b"\n")]
        self._regexes = [_compile(re.escape(part) if query.fixed else part, flags) for part in patterns]
        sources = [regex.pattern for regex in self._regexes]
        self._whole: list[re.Pattern[bytes]] | None = None
        if not any(_LOOKS_FURTHER.search(source) for source in sources):
            self._whole = [_compile(source, flags | re.MULTILINE) for source in sources]

    def spans(self, line: bytes) -> tuple[tuple[int, int], ...] | None:
        """Where a line matches; None if it does not."""
        for regex in self._regexes:
            if regex.search(line):
                return tuple(match.span() for match in regex.finditer(line))
        return None

    def may_match(self, block: bytes) -> bool:
        """False if certainly no line of a block matches; much faster than looking at each."""
        return self._whole is None or any(regex.search(block) for regex in self._whole)


def _compile(pattern: bytes, flags: int) -> re.Pattern[bytes]:
    if _POSIX_CLASS.search(pattern):
        raise UsageError(
            f"'{os.fsdecode(pattern)}' has a POSIX class, which Python's regular expressions do not know",
            hint=r"for example \w, \d and \s, or [A-Za-z]",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError) as exc:
        raise UsageError(
            f"'{os.fsdecode(pattern)}' is not a regular expression: {exc}", hint="use -F to look for plain text"
        ) from exc


def search_fd(fd: int, matcher: Matcher, *, first_only: bool) -> tuple[bool, tuple[Hit, ...]]:
    """Searches an open regular file.

    Args:
        fd: its descriptor; the position is undefined afterwards.
        matcher: what is looked for.
        first_only: stop at the first line that matches. Of a binary file (one with a NUL among its first 8,000 bytes,
            as Git has it) that is always so.

    Returns:
        Whether it is binary, and the lines that match.
    """
    hits: list[Hit] = []
    binary, number = False, 0
    for block in _blocks(fd):
        binary = binary or (number == 0 and b"\0" in block[:_SNIFF])
        for hit in _hits(block, number, matcher):
            hits.append(hit)
            if binary or first_only:
                return binary, tuple(hits)
        number += block.count(b"\n")
    return binary, tuple(hits)


def _hits(block: bytes, before: int, matcher: Matcher) -> Iterator[Hit]:
    if not matcher.may_match(block):
        return
    lines = block.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for offset, line in enumerate(lines):
        spans = matcher.spans(line)
        if spans is not None:
            yield Hit(before + offset + 1, line, spans)


def _blocks(fd: int) -> Iterator[bytes]:
    """The content in blocks of whole lines."""
    rest = b""
    for chunk in _chunks(fd):
        data = rest + chunk
        end = data.rfind(b"\n") + 1
        if not end:
            end = len(data) if len(data) >= _LONGEST_LINE else 0
        if end:
            yield data[:end]
        rest = data[end:]
    if rest:
        yield rest


def _chunks(fd: int) -> Iterator[bytes]:
    """The content piece by piece; a hole is one NUL, however long it is."""
    position = 0
    while True:
        try:
            start = os.lseek(fd, position, os.SEEK_DATA)
        except OSError as exc:
            if exc.errno != errno.ENXIO:
                raise
            if position < os.fstat(fd).st_size:
                yield b"\0"
            return
        if start > position:
            yield b"\0"
        chunk = os.pread(fd, _CHUNK, start)
        if not chunk:
            return
        yield chunk
        position = start + len(chunk)
