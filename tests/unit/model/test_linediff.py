"""Differences of lines."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from layerctl.cli.render.patch import unified
from layerctl.cli.render.style import PLAIN
from layerctl.model.linediff import hunks, opcodes

LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"d\n", b"\n", b"e\n"]), max_size=40)
HEADER = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def apply(old: list[bytes], diff: list[str]) -> list[bytes]:
    """A patch program in a few lines; checks every header and every line of context."""
    out: list[bytes] = []
    at = 0
    for line in diff:
        if match := HEADER.match(line):
            start, length = int(match[1]), int(match[2] or 1)
            out += old[at : start - 1 if length else start]
            at = start - 1 if length else start
            assert len(out) == int(match[3]) - (1 if int(match[4] or 1) else 0)
        elif line.startswith("\\"):
            out[-1:] = [out[-1].removesuffix(b"\n")] if out and diff[diff.index(line) - 1][0] != "-" else out[-1:]
        else:
            content = line[1:].encode() + b"\n"
            if line[0] in " -":
                assert old[at].rstrip(b"\n") == content.rstrip(b"\n")
                at += 1
            if line[0] in " +":
                out.append(content)
    return out + old[at:]


@given(LINES, LINES)
def test_a_diff_applied_to_the_old_gives_the_new(old: list[bytes], new: list[bytes]) -> None:
    assert apply(old, list(unified(old, new, PLAIN))) == new


@given(LINES, LINES)
def test_opcodes_cover_both_sides_in_order(old: list[bytes], new: list[bytes]) -> None:
    at_old, at_new, previous = 0, 0, ""
    for tag, old_from, old_to, new_from, new_to in opcodes(old, new):
        assert (old_from, new_from) == (at_old, at_new)
        assert (tag == "equal") == (old[old_from:old_to] == new[new_from:new_to])
        assert tag != previous or tag != "equal"
        at_old, at_new, previous = old_to, new_to, tag
    assert (at_old, at_new) == (len(old), len(new))


def test_no_difference_is_no_hunk() -> None:
    assert list(hunks([b"a\n"], [b"a\n"])) == []
    assert list(hunks([], [])) == []


def test_changes_close_to_each_other_share_a_hunk() -> None:
    old = [b"%d\n" % number for number in range(30)]
    near, far = list(old), list(old)
    near[5], near[12] = b"x\n", b"y\n"
    far[5], far[13] = b"x\n", b"y\n"
    assert len(list(hunks(old, near))) == 1
    assert len(list(hunks(old, far))) == 2


def test_git_applies_it(tmp_path: Path) -> None:
    old = [b"%d\n" % number for number in range(50)]
    new = [b"first\n", *old[:20], *old[25:], b"last"]
    (tmp_path / "f").write_bytes(b"".join(old))
    patch = ["--- a/f", "+++ b/f", *unified(old, new, PLAIN)]
    text = "".join(line + "\n" for line in patch)
    subprocess.run(["git", "apply", "-p1"], input=text.encode(), cwd=tmp_path, check=True)
    assert (tmp_path / "f").read_bytes() == b"".join(new)


def test_big_files_take_no_minutes() -> None:
    old = [b"line %d\n" % (number % 50_000) for number in range(100_000)]
    new = [line.upper() if number % 97 == 0 else line for number, line in enumerate(old)]
    start = time.monotonic()
    assert len(list(hunks(old, new))) > 0
    assert len(list(hunks(old, old[::-1]))) == 1
    assert time.monotonic() - start < 30
