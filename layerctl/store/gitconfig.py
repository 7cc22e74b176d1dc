"""Values of Git's config files, read without libgit2. Source: ``git-config(1)``, "CONFIGURATION FILE" and "FILES"."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

_SECTION = re.compile(r'\[\s*([A-Za-z0-9.-]+)(?:\s+"((?:[^"\\\n]|\\.)*)")?\s*\]\s*')
_KEY = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*(=?)[ \t]*")
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", '"': '"', "\\": "\\"}


class StrangeConfig(Exception):
    """A config file that is better left to libgit2: it includes others, or cannot be understood."""


def read_value(files: Sequence[Path], key: str) -> str | None:
    """A value from the first file that has it; the last one there counts.

    Args:
        files: the strongest first.
        key: ``section.name`` or ``section.subsection.name``.

    Raises:
        StrangeConfig: one of the files is to be left to libgit2.
    """
    section, _, name = key.rpartition(".")
    head, dot, sub = section.partition(".")
    wanted = f"{head.lower()}{dot}{sub}.{name.lower()}"
    found = None
    for path in files:
        values = _values(path)
        found = found if found is not None else values.get(wanted)
    return found


def _values(path: Path) -> dict[str, str]:
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return _values_of(path, (status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=16)
def _values_of(path: Path, mark: tuple[int, int, int]) -> dict[str, str]:
    """The values of a file; whoever writes a config gives it a new inode, which is in the mark."""
    try:
        return dict(_parse(path.read_bytes().decode()))
    except (OSError, UnicodeDecodeError) as exc:
        raise StrangeConfig from exc


def _parse(text: str) -> Iterator[tuple[str, str]]:
    section = None
    place = 0
    while place < len(text):
        char = text[place]
        if char.isspace():
            place += 1
        elif char in "#;":
            place = _end_of_line(text, place)
        elif char == "[":
            match = _match(_SECTION, text, place)
            section = match[1].lower()
            if section in ("include", "includeif") or "." in section:
                raise StrangeConfig
            if match[2] is not None:
                section += "." + re.sub(r"\\(.)", r"\1", match[2])
            place = match.end()
        else:
            match = _match(_KEY, text, place)
            if section is None:
                raise StrangeConfig
            value, place = _value(text, match.end()) if match[2] else ("true", _end_of_line(text, place))
            yield f"{section}.{match[1].lower()}", value


def _match(pattern: re.Pattern[str], text: str, place: int) -> re.Match[str]:
    match = pattern.match(text, place)
    if match is None:
        raise StrangeConfig
    return match


def _end_of_line(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end


def _value(text: str, place: int) -> tuple[str, int]:
    """A value up to the end of its line: quotes and escapes taken away, blanks at its ends as well."""
    out: list[str] = []
    kept, quoted = 0, False  # how much of it ends in no blank
    while place < len(text) and text[place] != "\n":
        char = text[place]
        if char == "\\":
            following = text[place + 1 : place + 2]
            place += 2
            if following == "\n":
                continue
            if following not in _ESCAPES or not following:
                raise StrangeConfig
            out.append(_ESCAPES[following])
            kept = len(out)
            continue
        place += 1
        if char == '"':
            quoted = not quoted
            kept = len(out)
        elif char in "#;" and not quoted:
            place = _end_of_line(text, place)
        elif char != "\r" or text[place : place + 1] != "\n":
            out.append(char)
            if not char.isspace() or quoted:
                kept = len(out)
    if quoted:
        raise StrangeConfig
    return "".join(out[:kept]), place
