"""The history of paths: which commits it has, and what it costs to find them."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from layerctl.model.ids import CommitId, ObjectId
from layerctl.ops.history import touching
from layerctl.ops.log import log
from layerctl.snapshot.hardlinks import write_groups
from layerctl.store.git import GitRepository
from layerctl.store.walk import Node
from tests.property.states import State, write_state
from tests.support.histories import History
from tests.unit.snapshot.builders import DIR, file


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History.create(tmp_path)


def _git_log(history: History, tip: CommitId, path: str) -> list[str]:
    command = ["git", "--git-dir", history.top / ".layerctl/git", "log", "--format=%H", "--topo-order", tip.hex]
    return subprocess.run([*command, "--", path], capture_output=True, text=True, check=True).stdout.split()


def _random_dag(history: History, seed: int) -> CommitId:
    """Forks and merges whose files take few values, so that sides of a merge are often the same."""
    chance = random.Random(seed)
    commits: list[tuple[CommitId, dict[str, bytes]]] = []
    for _ in range(25):
        parents = chance.sample(commits[-4:], min(len(commits), chance.choice([1, 1, 1, 2, 3])))
        files = dict(parents[0][1]) if parents else {"a/x": b"0", "a/b/y": b"0", "c": b"0", "a/b/d/z": b"0"}
        for path in chance.sample(sorted(files), chance.choice([0, 1, 1, 2])):
            files[path] = b"%d" % chance.randrange(3)
        made = history.commit(history.snapshot(files), *(parent for parent, _ in parents))
        commits.append((made, files))
    return commits[-1][0]


@pytest.mark.parametrize("seed", range(6))
def test_the_commits_of_a_directory_are_those_that_plain_git_names(history: History, seed: int) -> None:
    tip = _random_dag(history, seed)
    for path in ("a", "a/b", "a/b/d", "none"):
        found = [commit.hex for commit in touching(history.context, [tip], [], [path.encode()])]
        assert sorted(found) == sorted(_git_log(history, tip, f"rootfs/{path}"))


def test_a_file_is_told_from_its_siblings(history: History) -> None:
    base = history.snapshot({"etc/one": b"1", "etc/two": b"2", "etc/d/three": b"3"})
    first = history.commit(base)
    second = history.commit(history.snapshot({"etc/one": b"11"}, base), first)
    third = history.commit(history.snapshot({"etc/two": b"22"}, base), second)

    def of(*paths: bytes) -> list[CommitId]:
        return list(touching(history.context, [third], [], paths))

    assert of(b"etc/one") == [third, second, first]
    assert of(b"etc/d/three") == of(b"etc/d") == [first]
    assert of(b"etc/two", b"etc/d") == [third, first]
    assert of(b"etc/one/x") == of(b"none") == []


def test_a_hard_link_that_broke_is_a_change_where_a_diff_says_so(history: History) -> None:
    entries = {b"": DIR, b"a": file(), b"b": file(), b"d": DIR, b"d/c": file()}
    git = history.store.git
    linked = write_state(git, State(entries, frozenset({frozenset({b"a", b"b", b"d/c"})})))
    apart = write_state(git, State(entries, frozenset({frozenset({b"a", b"b"})})))
    first = history.commit(linked)
    second = history.commit(apart, first)
    assert linked != apart
    assert write_groups(git, [(b"a", b"b")]) is not None
    for path, commits in {b"a": [first], b"d/c": [second, first], b"d": [second, first], b"b": [first]}.items():
        assert list(touching(history.context, [second], [], [path])) == commits, path


def _long(history: History, directories: int) -> tuple[CommitId, int]:
    """300 commits that change ``var/log`` of an image; every 50th changes ``etc/app/conf`` as well."""
    files = {f"usr/share/d{number}/f": b"x" for number in range(directories)}
    files |= {f"etc/f{number}": b"x" for number in range(directories)}
    snapshot: ObjectId = history.snapshot({**files, "etc/app/conf": b"0", "var/log/syslog": b"0"})
    commit = history.commit(snapshot)
    for number in range(1, 301):
        change = {"var/log/syslog": b"%d" % number}
        change |= {"etc/app/conf": b"%d" % number} if number % 50 == 0 else {}
        snapshot = history.snapshot(change, snapshot)
        commit = history.commit(snapshot, commit)
    return commit, 301


def test_the_log_of_a_path_costs_its_history_and_not_the_image(tmp_path: Path) -> None:
    """Objects that are read: one tree a commit, and a few more for each of the commits that are shown."""
    costs = {}
    for directories in (5, 600):
        history = History.create(tmp_path / str(directories))
        tip, count = _long(history, directories)
        history.branch(tip)
        context = history.context
        history.reads.clear()
        assert len(list(log(context, paths=[b"etc/app/conf"]))) == 7
        costs[directories] = len(history.reads)
        assert costs[directories] < count + 7 * 12
    assert costs[5] == costs[600]


@pytest.mark.parametrize("everything", [False, True], ids=["of HEAD", "of all that lead to one commit"])
def test_the_newest_of_a_line_cost_no_more_than_they_are(
    history: History, monkeypatch: pytest.MonkeyPatch, everything: bool
) -> None:
    tip, _ = _long(history, 1)
    history.branch(tip)
    history.branch(tip, "release")
    asked: list[str] = []
    real = GitRepository._ancestry

    def counted(git: GitRepository, commit: str) -> Node:
        asked.append(commit)
        return real(git, commit)

    monkeypatch.setattr(GitRepository, "_ancestry", counted)
    found = [entry.commit.id for entry in log(history.context, limit=10, everything=everything)]
    assert found[0] == tip
    assert len(found) == 10
    assert len(asked) <= 10
