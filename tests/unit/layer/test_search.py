"""Searching files line by line."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layerctl.errors import UsageError
from layerctl.layer import search
from layerctl.layer.search import Matcher, search_fd
from layerctl.model.search import Hit, Query

PATTERNS = [
    b"a",
    b"^a",
    b"b$",
    b"^$",
    b"",
    b"a.*b",
    b"[^c]",
    rb"\Aa",
    rb"b\Z",
    b"(?!a)b",
    b"(?<=a)b",
    b"a*+b",
    rb"\bab\b",
]


def find(path: Path, query: Query, *, first_only: bool = False) -> tuple[bool, tuple[Hit, ...]]:
    fd = os.open(path, os.O_RDONLY)
    try:
        return search_fd(fd, Matcher(query), first_only=first_only)
    finally:
        os.close(fd)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.text("abc ", max_size=6).map(str.encode), max_size=12),
    st.booleans(),
    st.sampled_from(PATTERNS),
    st.integers(1, 9),
)
def test_lines_match_as_each_would_alone(lines: list[bytes], ends: bool, pattern: bytes, chunk: int) -> None:
    """Whatever is cut where, and although whole blocks are looked at first."""
    path = Path(f"/dev/shm/layerctl-search-{os.getpid()}")
    path.write_bytes(b"\n".join(lines) + (b"\n" if ends and lines else b""))
    content = path.read_bytes().split(b"\n")
    content = content[:-1] if not content[-1] else content
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_CHUNK", chunk)
        _, hits = find(path, Query((pattern,)))
    path.unlink()
    expected = [(number, line) for number, line in enumerate(content, 1) if re.search(pattern, line)]
    assert [(hit.number, hit.line) for hit in hits] == expected
    for hit in hits:
        assert hit.spans == tuple(match.span() for match in re.finditer(pattern, hit.line))


def test_a_binary_file_has_one_hit_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x\n" * 10 + b"\0\nx\n")
    binary, hits = find(tmp_path / "f", Query((b"x",)))
    assert (binary, len(hits)) == (True, 1)


def test_a_nul_far_behind_makes_no_binary(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x\n" * 5000 + b"\0\nx\n")
    assert find(tmp_path / "f", Query((b"x",)))[0] is False


def test_a_hole_costs_nothing(tmp_path: Path) -> None:
    with open(tmp_path / "f", "wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(b"\nneedle\n")
    start = time.monotonic()
    binary, hits = find(tmp_path / "f", Query((b"needle",)))
    assert (binary, len(hits)) == (True, 1)
    assert time.monotonic() - start < 5


def test_a_line_without_end_is_searched_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_CHUNK", 1000)
    monkeypatch.setattr(search, "_LONGEST_LINE", 4000)
    (tmp_path / "f").write_bytes(b"x" * 50_000 + b"needle\nlast needle")
    _, hits = find(tmp_path / "f", Query((b"needle",)))
    assert [hit.line[-6:] for hit in hits] == [b"needle", b"needle"]
    assert len(hits[0].line) < 8000


@pytest.mark.parametrize(
    ("query", "line", "spans"),
    [
        (Query((b"a.c",), fixed=True), b"abc a.c", ((4, 7),)),
        (Query((b"ABC",), ignore_case=True), b"xabc", ((1, 4),)),
        (Query((b"no", b"ab+")), b"abb ab", ((0, 3), (4, 6))),
        (Query((b"no\nbc",), fixed=True), b"abc", ((1, 3),)),
        (Query((b"x",)), b"abc", None),
    ],
)
def test_what_matches(query: Query, line: bytes, spans: tuple[tuple[int, int], ...] | None) -> None:
    assert Matcher(query).spans(line) == spans


@pytest.mark.parametrize("pattern", [b"[", b"(", b"*a", b"[[:alpha:]]", b"(?P<x", b"a{99999999999}"])
def test_what_is_no_pattern(pattern: bytes) -> None:
    with pytest.raises(UsageError):
        Matcher(Query((pattern,)))
    assert Matcher(Query((pattern,), fixed=True)).spans(pattern) is not None
