"""Refs and reflogs that may be damaged, read file by file. Source: Git's ``gitrepository-layout(5)``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from layerctl.store.refs import is_ref_name
from layerctl.values import frozen

_HEX = re.compile(r"[0-9a-f]{40}\Z")
_NOTHING = "0" * 40
_REFLOG_LINE = re.compile(r"([0-9a-f]{40}) ([0-9a-f]{40}) .* <.*> -?\d+ [+-]\d{4}(\t.*)?\Z")


@frozen
class RawRef:
    """A ref as a file says it.

    Attributes:
        name: full name.
        path: of the file, relative to the Git repository.
        target: an object id in hex, ``ref: …``, or None if the file says nothing that can be understood.
    """

    name: str
    path: str
    target: str | None


def read_refs(git: Path) -> list[RawRef]:
    """All refs, by name; a loose one hides a packed one."""
    found = {ref.name: ref for ref in _packed(git)}
    found.update({ref.name: ref for ref in _loose(git)})
    return [found[name] for name in sorted(found)]


def bad_packed_lines(git: Path) -> list[int]:
    """Numbers, from 1, of the lines of ``packed-refs`` that are no ref."""
    return [number for number, line in _packed_lines(git) if _packed_ref(line) is None]


def head_target(git: Path) -> str | None:
    """The ref that the repository's own HEAD names; None if the file is missing or damaged."""
    try:
        text = (git / "HEAD").read_text()
    except (OSError, UnicodeDecodeError):
        return None
    target = text.removeprefix("ref: ").removesuffix("\n")
    return target if text.startswith("ref: refs/heads/") and is_ref_name(target) else None


def reflog_names(git: Path) -> list[str]:
    """Full names of all refs that have a reflog."""
    return [name for name in _files(git / "logs", git / "logs") if name.startswith("refs/")]


def read_reflog(git: Path, name: str) -> tuple[list[str], list[int]]:
    """The ids that a ref has had, oldest first, and the numbers, from 1, of lines that cannot be understood."""
    try:
        lines = (git / "logs" / name).read_bytes().decode("utf-8", "replace").split("\n")
    except OSError:
        return [], []
    ids: list[str] = []
    bad = []
    for number, line in enumerate(lines, 1):
        match = _REFLOG_LINE.match(line)
        if match is not None:
            ids += [oid for oid in (match[1], match[2]) if oid != _NOTHING]
        elif line:
            bad.append(number)
    return list(dict.fromkeys(ids)), bad


def _loose(git: Path) -> Iterator[RawRef]:
    for name in _files(git / "refs", git):
        if name.endswith(".lock"):
            continue
        try:
            text = (git / name).read_bytes().decode()
        except (OSError, UnicodeDecodeError):
            text = ""
        yield RawRef(name, name, _target(text))


def _target(text: str) -> str | None:
    line = text.removesuffix("\n")
    if _HEX.match(line) or (line.startswith("ref: ") and is_ref_name(line.removeprefix("ref: "))):
        return line
    return None


def _packed(git: Path) -> Iterator[RawRef]:
    for _, line in _packed_lines(git):
        found = _packed_ref(line)
        if found is not None:
            yield RawRef(found[1], "packed-refs", found[0])


def _packed_lines(git: Path) -> Iterator[tuple[int, str]]:
    """Lines that name a ref; the header and the peeled tags do not."""
    try:
        lines = (git / "packed-refs").read_bytes().decode("utf-8", "replace").split("\n")
    except OSError:
        return
    for number, line in enumerate(lines, 1):
        peeled = line.startswith("^") and _HEX.match(line[1:])
        if line and not peeled and not line.startswith("#"):
            yield number, line


def _packed_ref(line: str) -> tuple[str, str] | None:
    oid, _, name = line.partition(" ")
    return (oid, name) if _HEX.match(oid) and is_ref_name(name) else None


def _files(folder: Path, base: Path) -> list[str]:
    found = []
    for place, _, names in os.walk(folder):
        found += [os.path.relpath(os.path.join(place, name), base) for name in names]
    return sorted(found)


def good_reflog_lines(data: bytes) -> bytes:
    """A reflog without the lines that cannot be understood."""
    lines = data.split(b"\n")
    return b"".join(line + b"\n" for line in lines if _REFLOG_LINE.match(line.decode("utf-8", "replace")))
