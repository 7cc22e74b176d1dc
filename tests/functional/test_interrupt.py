"""Ctrl-C, SIGTERM and kill -9 at random moments: before or after, never in between, and the next command works."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.oracle import Listing, assert_same, compare
from tests.support import rootfs
from tests.support.cli import Repo, assert_no_crash

STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
ROUNDS = 4


def _cut_short(repo: Repo, spawn: Spawn, choose: random.Random, stop: signal.Signals, *args: str) -> int:
    """Starts a command and signals it at a random moment; returns its exit status."""
    process = spawn(repo.cli.start(*args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True))
    _wait_until_loaded(process)
    time.sleep(choose.uniform(0.0, 0.7))
    process.send_signal(stop)
    _, err = process.communicate(timeout=60)
    if stop is not signal.SIGKILL:
        assert_no_crash(err)
    return process.returncode


def _wait_until_loaded(process: subprocess.Popen[str]) -> None:
    """Until layerctl's own code runs: what comes before that is the interpreter's start."""
    while process.poll() is None and b"pygit2" not in Path(f"/proc/{process.pid}/maps").read_bytes():
        time.sleep(0.005)


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.name)
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_an_interrupted_commit_is_before_or_after(repo: Repo, spawn: Spawn, stop: signal.Signals, busy: bool) -> None:
    rootfs.make_tree(repo.rootfs / "srv", directories=40, files=10, size=4096)
    if busy:
        spawn(["sleep", "600"], cwd=repo.rootfs)
    choose = random.Random(stop)
    for number in range(ROUNDS):
        repo.write("srv/n", str(number))
        before, head = repo.listing(), repo.head()
        code = _cut_short(repo, spawn, choose, stop, "commit", "-m", f"round {number}")
        status = repo.cli.json("status")
        assert_same(before, repo.rootfs)
        if status["head"] == head:
            assert code != 0
            repo.commit("again")
        assert repo.cli("show", "HEAD:srv/n").stdout == str(number)
    assert_same(before, repo.checked_out("HEAD", "w"))
    assert "error" not in repo.git("fsck", "--strict")


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.name)
def test_an_interrupted_rollback_is_before_or_after_and_loses_nothing(
    repo: Repo, spawn: Spawn, stop: signal.Signals
) -> None:
    repo.commit_file("srv/n", "1")
    clean = repo.listing()
    choose = random.Random(stop)
    for number in range(ROUNDS):
        precious = f"precious {number}"
        repo.write("srv/precious", precious)
        dirty = repo.listing()
        _cut_short(repo, spawn, choose, stop, "rollback", "HEAD")
        repo.cli("status")
        now = repo.listing()
        assert _is_one_of(now, clean, dirty)
        assert precious in [path.read_text() for path in repo.dot.rglob("srv/precious")]
        repo.cli("rollback", "HEAD")


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.name)
def test_an_interrupted_checkout_is_before_or_after(repo: Repo, spawn: Spawn, stop: signal.Signals) -> None:
    trees = [repo.listing()]
    repo.commit_file("srv/n", "1")
    trees.append(repo.listing())
    repo.cli("branch", "other", "HEAD~1")
    choose = random.Random(stop)
    for number in range(ROUNDS):
        _cut_short(repo, spawn, choose, stop, "checkout", ["other", "main"][number % 2])
        branch = repo.cli.json("status")["branch"]
        assert branch in ("main", "other")
        repo.cli("checkout", branch)
        assert_same(trees[branch == "main"], repo.rootfs)


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.name)
def test_an_interrupted_import_is_before_or_after(
    empty_repo: Repo, spawn: Spawn, stop: signal.Signals, workdir: Path
) -> None:
    big = rootfs.make_tree(workdir / "big", directories=60, files=30)
    choose = random.Random(stop)
    for number in range(ROUNDS):
        before = empty_repo.recorded()
        branch = f"b{number}"
        code = _cut_short(empty_repo, spawn, choose, stop, "import", str(big), "--branch", branch)
        names = empty_repo.cli("branch").stdout.split()
        assert (branch in names) or code != 0
        if branch not in names:
            assert empty_repo.recorded() == before
    empty_repo.cli("import", big, "--branch", "last")
    empty_repo.cli("checkout", "last")
    assert_same(big, empty_repo.rootfs)


def test_two_commits_at_once_are_one_after_the_other(repo: Repo, spawn: Spawn) -> None:
    repo.write("etc/new", "x")
    processes = [spawn(repo.cli.start("commit", "-m", f"c{n}", stdout=-1, stderr=-1)) for n in range(4)]
    ends = [(process.communicate(timeout=60), process.returncode) for process in processes]
    assert sorted(code for _, code in ends)[0] == 0
    assert {code for _, code in ends} <= {0, 1, 4}
    for (_, err), _ in ends:
        assert_no_crash(err)
    assert len(repo.cli.json("log")) == 2
    assert repo.cli("show", "HEAD:etc/new").out == b"x"


def test_commits_of_different_worktrees_at_once_all_arrive(repo: Repo, spawn: Spawn) -> None:
    roots = {name: repo.checked_out("HEAD", name) for name in ("w1", "w2", "w3")}
    for name, root in roots.items():
        (root / "etc/new").write_text(name)
    commands = [["commit", "-w", name, "-m", name] for name in roots]
    processes = [spawn(repo.cli.start(*command, stdout=-1, stderr=-1)) for command in commands]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    for name in roots:
        head = repo.cli.json("status", "-w", name)["head"]
        assert repo.cli("show", f"{head}:etc/new").stdout == name
    assert "error" not in repo.git("fsck", "--strict")


def test_a_second_signal_does_not_make_it_worse(repo: Repo, spawn: Spawn) -> None:
    rootfs.make_tree(repo.rootfs / "srv", directories=40, files=20)
    before = repo.listing()
    process = spawn(repo.cli.start("commit", "-m", "x", stdout=-1, stderr=-1))
    time.sleep(0.4)
    for _ in range(5):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    _, err = process.communicate(timeout=60)
    assert_no_crash(err)
    repo.cli("status")
    assert_same(before, repo.rootfs)


def test_a_dead_process_blocks_nobody(repo: Repo, spawn: Spawn) -> None:
    """Stopped while it holds whatever lock it holds, then killed."""
    rootfs.make_tree(repo.rootfs / "srv", directories=40, files=20)
    process = spawn(repo.cli.start("commit", "-m", "x", stdout=-1, stderr=-1))
    while not any((repo.dot / "tmp").iterdir()):
        assert process.poll() is None
    process.send_signal(signal.SIGSTOP)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # not reaped yet: a zombie holds nothing either
    repo.cli("tag", "v1", timeout=20)


def _is_one_of(now: Listing, *candidates: Listing) -> bool:
    return any(not compare(candidate, now) for candidate in candidates)
