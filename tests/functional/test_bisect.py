"""``layerctl bisect``: the commit that broke something, on any history, by hand or by a command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from layerctl.store.record import dump_record, load_record
from tests.oracle import assert_same
from tests.support.cli import Repo

#: Broken since commit 7 of 12; commit 5 cannot be tested.
TEST = "n=$(cat /srv/n); [ $n != 5 ] || exit 125; [ $n -lt 7 ]"


def commit_tree(repo: Repo, *args: str) -> str:
    return repo.git("-c", "user.name=x", "-c", "user.email=x", "commit-tree", *args).strip()


@pytest.fixture
def twelve(repo: Repo) -> Repo:
    """base, then ``srv/n`` counting from 1 to 12; commits are tagged by their number."""
    repo.cli("config", "layerctl.sync", "false")
    for number in range(1, 13):
        repo.commit_file("srv/n", str(number), f"number {number}")
        repo.git("tag", str(number), "main")
    return repo


def test_a_command_finds_it(twelve: Repo) -> None:
    before = twelve.listing()
    twelve.cli("bisect", "start", "--no-checkout", "HEAD", "HEAD~12")
    result = twelve.cli("bisect", "run", "sh", "-c", TEST)
    found = twelve.head("7")
    assert result.lines[0] == f"{found} is the first bad commit"
    assert any("number 7" in line for line in result.lines)
    assert any("srv/n" in line for line in result.lines)
    tests = re.findall(r"^(\w+): \[\w+\] number (\d+)", result.stderr, re.M)
    assert len(tests) <= 5
    assert ("bad", "7") in tests
    assert all((mark == "bad") == (int(number) >= 7) for mark, number in tests if mark != "skip")
    assert_same(before, twelve.rootfs)
    assert twelve.cli.json("status")["branch"] == "main"
    document = twelve.cli.json("bisect", "run", "sh", "-c", f"echo to stderr; {TEST}")
    assert (document["state"], document["commit"], document["candidates"]) == ("found", found, [found])
    assert "srv/n" in {change["path"] for change in document["changes"]}
    assert len(twelve.cli.json("bisect", "log")) == 2 + len(tests)
    assert list((twelve.dot / "tmp").iterdir()) == []
    twelve.cli("bisect", "reset")
    twelve.cli.fails(1, "bisect", "log")
    assert_same(before, twelve.rootfs)


def test_by_hand_in_the_rootfs(twelve: Repo) -> None:
    before = twelve.listing()
    answer = twelve.cli("bisect", "start", "12", "HEAD~12")
    assert answer.lines[0] == "Bisecting: 5 commits left after this (roughly 3 steps)"
    for _ in range(6):
        if "first bad" in answer.lines[0]:
            break
        number = int((twelve.rootfs / "srv/n").read_text())
        assert answer.lines[1].endswith(f"number {number}")
        twelve.write("srv/left-by-a-test", str(number))
        answer = twelve.cli("bisect", "bad" if number >= 7 else "good")
        assert not (twelve.rootfs / "srv/left-by-a-test").exists() or "first bad" in answer.lines[0]
    assert answer.lines[0] == f"{twelve.head('7')} is the first bad commit"
    marks = twelve.cli.json("bisect", "log")
    log = twelve.cli("bisect", "log").lines
    assert log[-1] == f"layerctl bisect {marks[-1]['mark']} {marks[-1]['commit']}"
    twelve.cli("bisect", "reset")
    assert_same(before, twelve.rootfs)
    status = twelve.cli.json("status")
    assert (status["branch"], status["head"], status["changes"]) == ("main", twelve.head("12"), [])


def test_undo_takes_a_mark_back(twelve: Repo) -> None:
    first = twelve.cli.json("bisect", "start", "12", "1")
    tested = twelve.listing()
    twelve.write("srv/left-by-a-test", "x")
    twelve.cli("bisect", "bad")
    twelve.cli("undo")
    assert (twelve.rootfs / "srv/left-by-a-test").read_text() == "x"
    (twelve.rootfs / "srv/left-by-a-test").unlink()
    assert len(twelve.cli.json("bisect", "log")) == 2
    assert twelve.cli.json("status")["head"] == first["commit"]
    assert_same(tested, twelve.rootfs, ignore=["mtime_ns"])
    second = twelve.cli.json("bisect", "good")
    assert set(second["candidates"]) < set(first["candidates"])


def test_skipped_commits_leave_it_undecided(twelve: Repo) -> None:
    twelve.cli("bisect", "start", "--no-checkout", "4", "1")
    result = twelve.cli.run("bisect", "run", "sh", "-c", "exit 125", code=1)
    assert [line.split("] ")[1] for line in result.lines[1:]] == ["number 4", "number 3", "number 2"]
    document = twelve.cli.json("bisect", "good", "3")
    assert (document["state"], document["commit"]) == ("found", twelve.head("4"))


def test_on_a_history_that_is_no_line(twelve: Repo) -> None:
    """Plain git made a merge: the bad commit came in with the branch."""
    tree = twelve.git("rev-parse", "12^{tree}").strip()
    side = twelve.head("3")
    for number in ("20", "21", "22"):
        side = commit_tree(twelve, tree, "-p", side, "-m", number)
        twelve.git("tag", number, side)
    merge = commit_tree(twelve, tree, "-p", twelve.head("12"), "-p", side, "-m", "merge")
    document = twelve.cli.json("bisect", "start", "--no-checkout", merge, "3")
    assert len(document["candidates"]) == 13
    assert document["commit"] in {twelve.head(str(number)) for number in range(8, 11)}
    twelve.cli("bisect", "good", "12")
    document = twelve.cli.json("bisect", "bad", "22")
    assert document["commit"] in (twelve.head("20"), twelve.head("21"))
    twelve.cli("bisect", "bad", "21")
    document = twelve.cli.json("bisect", "good", "20")
    assert (document["state"], document["commit"]) == ("found", twelve.head("21"))


def test_what_stops_it(twelve: Repo) -> None:
    twelve.cli.fails(1, "bisect", "good")
    twelve.cli.fails(1, "bisect", "run", "true")
    assert twelve.cli("bisect", "start", "--no-checkout").lines == ["Bisecting: now name a bad commit"]
    twelve.cli.fails(4, "bisect", "start")
    twelve.cli.fails(1, "bisect", "run", "true")
    twelve.cli.fails(2, "bisect", "good")
    assert twelve.cli("bisect", "bad", "12").lines == ["Bisecting: now name a good commit"]
    twelve.cli.fails(3, "bisect", "good", "nope")
    assert "mixed up? 'layerctl bisect log'" in twelve.cli.fails(4, "bisect", "good", "12").stderr
    twelve.cli("bisect", "good", "1")
    stopped = twelve.cli.run("bisect", "run", "sh", "-c", f"[ $(cat /srv/n) != 4 ] || exit 130; {TEST}", code=1)
    assert "status 130" in stopped.stderr
    assert len(twelve.cli.json("bisect", "log")) > 2
    said = twelve.cli.json("bisect", "log")
    for command in (["/bin/gone"], ["sh", "-c", "nosuch"]):
        assert "which is good: the search stops" in twelve.cli.run("bisect", "run", *command, code=1).stderr
    assert twelve.cli.json("bisect", "log") == said
    twelve.cli("bisect", "reset")
    twelve.cli.fails(1, "bisect", "reset")


def test_a_command_that_a_commit_took_away_is_bad(repo: Repo) -> None:
    for number in range(4):
        if number == 1:
            (repo.rootfs / "bin/cat").unlink()
        repo.commit_file("srv/n", str(number), f"number {number}")
    repo.cli("bisect", "start", "--no-checkout", "HEAD", "HEAD~4")
    result = repo.cli("bisect", "run", "cat", "/dev/null")
    assert result.lines[0] == f"{repo.head('HEAD~2')} is the first bad commit"
    assert "(status 127)" in result.stderr


def test_start_wants_a_clean_rootfs(repo: Repo) -> None:
    repo.commit_file("srv/n", "1")
    repo.write("etc/motd", "mine")
    before = repo.recorded()
    assert "stash" in repo.cli.fails(1, "bisect", "start", "HEAD", "HEAD~1").stderr
    assert repo.recorded() == before
    assert repo.cli.fails(4, "bisect", "start", "--no-checkout", "HEAD~1", "HEAD").stderr.endswith("mixed up?\n")
    assert "no commit is called 'nope'" in repo.cli.fails(3, "bisect", "start", "nope", "HEAD~1").stderr
    assert "no commit is called 'nope'" in repo.cli.fails(3, "bisect", "start", "HEAD", "nope").stderr
    assert repo.cli.json("bisect", "start", "--no-checkout", "HEAD", "HEAD~1")["state"] == "found"


def test_a_damaged_record_is_noticed(repo: Repo) -> None:
    repo.cli("bisect", "start", "--no-checkout")
    Path(repo.dot, "worktrees/default/bisect.json").write_text("{}")
    repo.cli.fails(5, "bisect", "log")


def test_gc_keeps_what_is_searched(repo: Repo) -> None:
    """Also where no branch leads any more."""
    repo.cli("checkout", "-b", "side")
    for number in range(1, 5):
        repo.commit_file("srv/n", str(number), f"number {number}")
    repo.cli("checkout", "main")
    repo.cli("bisect", "start", "--no-checkout", "side", "side~3")
    repo.cli("branch", "-D", "side")
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.cli("gc", "--grace", "now")
    result = repo.cli("bisect", "run", "sh", "-c", "[ $(cat /srv/n) -lt 3 ]")
    assert "number 3" in " ".join(result.lines)


@pytest.mark.parametrize("end", ["reset", "remove"])
def test_gc_keeps_what_an_undo_searches_again(repo: Repo, end: str) -> None:
    """A search that was ended, or set aside with its worktree, comes back with its commits."""
    repo.checked_out("HEAD", "w")
    repo.cli("checkout", "-b", "side")
    for number in range(1, 5):
        repo.commit_file("srv/n", str(number), f"number {number}")
    repo.cli("checkout", "main")
    repo.cli("bisect", "-w", "w", "start", "--no-checkout", "side", "side~3")
    repo.cli("branch", "-D", "side")
    repo.git("reflog", "expire", "--expire=now", "--all")
    before = repo.cli.json("op", "log")[0]["operation"]
    if end == "reset":
        repo.cli("bisect", "-w", "w", "reset")
    else:
        repo.cli("worktree", "remove", "w", "--discard")
    records = sorted((repo.dot / "journal/ops").iterdir())
    for record in records[:before]:  # as if all but the last were old
        _age(record)
    repo.cli("config", "gc.pruneExpire", "now")
    repo.cli("gc")
    repo.cli("undo")
    result = repo.cli("bisect", "-w", "w", "run", "sh", "-c", "[ $(cat /srv/n) -lt 3 ]")
    assert "number 3" in " ".join(result.lines)


def _age(record: Path) -> None:
    operation = load_record(record.read_bytes(), record)
    record.write_bytes(dump_record({**operation, "time": "2001-01-01T00:00:00+00:00"}))
