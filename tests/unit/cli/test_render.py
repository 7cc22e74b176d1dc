"""Sizes, times, quoting, columns: the small parts of output."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from layerctl.cli.render.changes import list_changes
from layerctl.cli.render.columns import align
from layerctl.cli.render.names import quote
from layerctl.cli.render.quantities import relative_time, size_text
from layerctl.cli.render.stat import stat_lines
from layerctl.cli.render.style import PLAIN, Style
from layerctl.cli.text import one_line, printable
from layerctl.model.change import Change
from tests.unit.cli.samples import NOW, file, folder


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1234, "1.2 kB"),
        (99_949, "99.9 kB"),
        (99_950, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_234_567, "1.2 MB"),
        (5_000_000_000, "5.0 GB"),
        (10**18, "1000 PB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "in the future"),
        (0, "0 seconds ago"),
        (1, "1 second ago"),
        (89, "89 seconds ago"),
        (90, "2 minutes ago"),
        (3600, "60 minutes ago"),
        (2 * 3600, "2 hours ago"),
        (86400, "24 hours ago"),
        (3 * 86400, "3 days ago"),
        (20 * 86400, "3 weeks ago"),
        (100 * 86400, "3 months ago"),
        (400 * 86400, "1 year ago"),
        (4000 * 86400, "11 years ago"),
    ],
)
def test_relative_times(seconds: int, text: str) -> None:
    assert relative_time(NOW - timedelta(seconds=seconds), NOW) == text


@pytest.mark.parametrize(
    "name", [b"plain", b"with space", b'a"b', b"a\\b", b"t\tab", b"n\nl", b"\x01\x7f", b"\xff\xfe", b"\r"]
)
def test_quoting_is_gits(tmp_path: Path, name: bytes) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    path = bytes(tmp_path) + b"/" + name
    with open(path, "w"):
        pass
    done = subprocess.run(
        ["git", "-C", tmp_path, "ls-files", "--others", "--exclude-standard"], capture_output=True, check=True
    )
    assert quote(name).encode() + b"\n" == done.stdout


def test_what_prints_is_not_quoted() -> None:
    assert quote("caf\u00e9 \u96ea".encode()) == "caf\u00e9 \u96ea"
    assert quote("a\u202eb".encode()) == '"a\\342\\200\\256b"'


def test_text_of_unknown_origin() -> None:
    assert printable("a\033[2Jb\tc\nd\x9b\udcff") == "a?[2Jb\tc\nd?\ufffd"
    assert one_line(" a\n\tb ") == "a b"


def test_columns_have_no_trailing_spaces() -> None:
    rows = [("a", "", ""), ("bbb", "c", ""), ("x" * 60, "y", "z")]
    assert list(align(rows)) == ["a", "bbb  c", f"{'x' * 60}  y  z"]


def test_style() -> None:
    assert Style(True)("x", "red", "bold") == "\033[31;1mx\033[0m"
    assert Style(True)("", "red") == ""
    assert PLAIN("x", "red") == "x"


def many(kind: str, count: int) -> list[Change]:
    entries = [(b"d", folder()), *((b"d/%03d" % number, file(b"x")) for number in range(count))]
    return [Change(path, None, entry) if kind == "A" else Change(path, entry, None) for path, entry in entries]


@pytest.mark.parametrize("kind", ["A", "D"])
def test_whole_directories_are_one_line(kind: str) -> None:
    after = Change(b"d2", None, file(b"y"))
    lines = list(list_changes([*many(kind, 9), after], PLAIN, fold=True))
    assert lines[0].split() == [kind, "d/", "(9", "paths", "in", "it)", "9", "B"]
    assert len(lines) == 2
    assert len(list(list_changes(many(kind, 8), PLAIN, fold=True))) == 9
    assert len(list(list_changes(many(kind, 9), PLAIN))) == 10


def test_a_directory_that_was_there_is_not_folded() -> None:
    changes = [Change(b"d", folder(), folder(0o700)), *many("A", 20)[1:]]
    assert len(list(list_changes(changes, PLAIN, fold=True))) == 21


def test_stat_fits_the_width() -> None:
    changes = [Change(b"x" * 200, None, file(size=10**9)), Change(b"y", file(size=3), file(b"123", size=5))]
    lines = list(stat_lines(changes, PLAIN, 80))
    assert max(map(len, lines)) == 80
    assert lines[0].startswith(f" ...{'x' * 47} | ")
    assert lines[1].split("|")[1].split() == ["+5", "B", "-3", "B", "+"]


def test_stat_of_nothing() -> None:
    assert list(stat_lines([], PLAIN, 80)) == [" no changes"]
