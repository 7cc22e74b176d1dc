"""Who last changed what: against plain git, against the log of each path, and what it costs."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from layerctl.errors import Damaged, Declined, PathNotFound
from layerctl.model.ids import CommitId
from layerctl.ops.blame import blame
from layerctl.ops.history import touching
from tests.support.histories import History


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History.create(tmp_path)


@dataclass
class Twin:
    """The same history of one file in layerctl and in plain git."""

    history: History
    ids: dict[CommitId, str] = field(default_factory=dict)
    contents: dict[CommitId, bytes | None] = field(default_factory=dict)

    def git(self, *args: str, data: bytes = b"", date: int = 0) -> str:
        env = {"PATH": os.environ["PATH"], "GIT_DIR": str(self.history.top / "plain"), "HOME": "/nonexistent"}
        env |= {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        env |= {f"GIT_{who}_DATE": f"@{1_000_000 + date} +0000" for who in ("AUTHOR", "COMMITTER")}
        return subprocess.run(["git", *args], env=env, check=True, capture_output=True, input=data).stdout.decode()

    def commit(self, content: bytes | None, *parents: CommitId) -> CommitId:
        files = {"d/other": b"x"} | ({"d/f": content} if content is not None else {})
        made = self.history.commit(self.history.snapshot(files), *parents, layer=files)
        listing = ""
        if content is not None:
            blob = self.git("hash-object", "-w", "--stdin", data=content).strip()
            listing = f"100644 blob {blob}\tf\n"
        tree = self.git("mktree", data=listing.encode()).strip()
        words = [word for parent in parents for word in ("-p", self.ids[parent])]
        self.ids[made] = self.git("commit-tree", tree, "-m", "x", *words, date=len(self.ids)).strip()
        self.contents[made] = content
        return made

    def check(self, tip: CommitId) -> None:
        printed = self.git("blame", "--porcelain", self.ids[tip], "--", "f").splitlines()
        theirs = [line.split()[0] for line in printed if len(line.split()) in (3, 4) and len(line.split()[0]) == 40]
        found = blame(self.history.context, b"d/f", tip.hex)
        assert [self.ids[line.commit.id] for line in found.lines] == theirs
        assert b"".join(line.content for line in found.lines) == self.contents[tip]
        assert [line.number for line in found.lines] == list(range(1, len(theirs) + 1))


def _edited(chance: random.Random, lines: Sequence[bytes], stamp: int) -> list[bytes]:
    """Lines taken out and new ones put in; no line comes twice, so there is one way to see what changed."""
    kept = [line for line in lines if chance.random() > 0.15]
    for number in range(chance.randrange(4)):
        kept.insert(chance.randrange(len(kept) + 1), b"%d.%d\n" % (stamp, number))
    return kept


def _united(chance: random.Random, one: Sequence[bytes], other: Sequence[bytes]) -> list[bytes]:
    """A merge: the lines of one side, and those of the other that are new, at some place behind their neighbour."""
    merged = list(one)
    for index, line in enumerate(other):
        if line not in merged and chance.random() < 0.7:
            before = other[index - 1] if index else None
            merged.insert(merged.index(before) + 1 if before in merged else 0, line)
    return merged


@pytest.mark.parametrize("seed", range(5))
def test_lines_belong_to_those_whom_plain_git_names(history: History, seed: int) -> None:
    chance = random.Random(seed)
    twin = Twin(history)
    twin.git("init", "-q", "--bare", str(history.top / "plain"))
    tips = [(twin.commit(b"a\nb\nc\nd\ne\nf\ng\n"), [b"%c\n" % letter for letter in b"abcdefg"])]
    for stamp in range(25):
        (one, lines), (other, there) = chance.choice(tips[-3:]), chance.choice(tips[-3:])
        if chance.random() < 0.25 and one != other:
            lines = chance.choice([lines, there, _united(chance, lines, there)])
            tips.append((twin.commit(b"".join(lines), one, other), lines))
        else:
            lines = _edited(chance, lines, stamp)
            tips.append((twin.commit(b"".join(lines), one), lines))
    for tip, _ in tips[-8:]:
        twin.check(tip)


def test_a_file_that_was_away_is_new_when_it_comes_back(history: History) -> None:
    twin = Twin(history)
    twin.git("init", "-q", "--bare", str(history.top / "plain"))
    first = twin.commit(b"a\nb\n")
    second = twin.commit(None, first)
    third = twin.commit(b"a\nb", second)
    twin.check(third)
    assert {line.commit.id for line in blame(history.context, b"d/f", third.hex).lines} == {third}


def test_an_entry_belongs_to_the_newest_commit_of_its_path(history: History) -> None:
    chance = random.Random(7)
    names = ["d/a", "d/b", "d/s/c", "d/s/t/e", "d/u/f", "g"]
    snapshot = history.snapshot(dict.fromkeys(names, b"0"))
    commit = history.commit(snapshot)
    for number in range(40):
        change = chance.sample([*names, f"d/new{number}"], chance.randrange(3))
        snapshot = history.snapshot(dict.fromkeys(change, b"%d" % number), snapshot)
        commit = history.commit(snapshot, commit)
        if number % 8 == 7:
            for folder in (b"", b"d", b"d/s"):
                found = blame(history.context, folder, commit.hex).entries
                assert len(found) >= 1
                for entry in found:
                    path = b"/".join(part for part in (folder, entry.name) if part)
                    assert entry.commit.id == next(touching(history.context, [commit], [], [path])), path


def test_what_a_merge_took_from_a_side_belongs_to_that_side(history: History) -> None:
    base = history.snapshot({"d/a": b"0", "d/b": b"0", "d/c": b"0"})
    first = history.commit(base)
    left = history.commit(history.snapshot({"d/a": b"1"}, base), first)
    right = history.commit(history.snapshot({"d/b": b"1"}, base), first)
    merge = history.commit(history.snapshot({"d/a": b"1", "d/b": b"1"}, base), left, right)
    found = blame(history.context, b"d", merge.hex)
    assert [(entry.name, entry.commit.id) for entry in found.entries] == [(b"a", left), (b"b", right), (b"c", first)]


def test_what_has_no_lines(history: History) -> None:
    files = {"nul": b"a\0b", "empty": b"", "link": b"x"}
    snapshot = history.snapshot(files)
    commit = history.commit(snapshot, layer=files)
    with pytest.raises(Declined, match="binary"):
        blame(history.context, b"nul", commit.hex)
    assert blame(history.context, b"empty", commit.hex).lines == ()
    with pytest.raises(PathNotFound):
        blame(history.context, b"none", commit.hex)
    with pytest.raises(PathNotFound):
        blame(history.context, b"empty/none", commit.hex)


def test_a_path_that_was_removed_names_the_commit_that_did_it(history: History) -> None:
    first = history.commit(history.snapshot({"a": b"x", "b": b"y"}))
    second = history.commit(history.snapshot({"b": b"y"}), first, message="rm a")
    third = history.commit(history.snapshot({"b": b"z"}), second)
    with pytest.raises(PathNotFound, match=f"{second.short} removed it") as caught:
        blame(history.context, b"a", third.hex)
    assert f"{second.short}~" in str(caught.value.hint)


def test_content_that_is_gone_or_wrong_is_damage(history: History) -> None:
    files = {"f": b"one\n"}
    commit = history.commit(history.snapshot(files), layer=files)
    [place] = history.store.layers.holders(commit)
    (place / "f").write_bytes(b"two\n")
    with pytest.raises(Damaged):
        blame(history.context, b"f", commit.hex)
    (place / "f").unlink()
    with pytest.raises(Damaged):
        blame(history.context, b"f", commit.hex)


def test_blame_costs_the_history_of_the_path_and_not_the_image(tmp_path: Path) -> None:
    """Objects that are read, for a file and a directory that few of many commits change."""
    costs = {}
    for directories in (5, 250):
        history = History.create(tmp_path / str(directories))
        files = {f"usr/share/d{number}/f": b"x" for number in range(directories)}
        files |= {f"etc/f{number}": b"x" for number in range(directories)}
        files |= {"etc/app/conf": b"0\n", "etc/app/other": b"0\n", "var/log/syslog": b"0"}
        snapshot = history.snapshot(files)
        commit = history.commit(snapshot, layer={"etc/app/conf": b"0\n"})
        for number in range(1, 201):
            change = {"var/log/syslog": b"%d" % number}
            change |= {"etc/app/conf": b"0\n%d\n" % number} if number % 50 == 0 else {}
            snapshot = history.snapshot(change, snapshot)
            commit = history.commit(snapshot, commit, layer=change)
        for path in (b"etc/app/conf", b"etc/app"):
            context = history.context
            history.reads.clear()
            found = blame(context, path, commit.hex)
            assert len(found.commits) == 2
            costs[directories, path] = len(history.reads)
            assert costs[directories, path] < 201 * 4
    assert {path: cost for (size, path), cost in costs.items() if size == 5} == {
        path: cost for (size, path), cost in costs.items() if size == 250
    }
