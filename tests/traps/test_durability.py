"""Traps 39 to 42: what a power cut, a killed process, a full disk and a pruning program may do to a repository."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.crash.cases import CASES
from tests.crash.faults import fail, fallible
from tests.crash.powercut import machine
from tests.crash.sweep import Area, kill
from tests.oracle import assert_same
from tests.support.cli import COMMAND, Repo

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
COMMIT = next(case for case in CASES if case.name == "commit")


@pytest.fixture(scope="module")
def area(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Area]:
    area = Area(tmp_path_factory.mktemp("traps"))
    yield area
    area.close()


def test_trap_39_refs_and_reflogs_are_synced(repo: Repo, tmp_path: Path) -> None:
    """libgit2 does not by default, and asks only once."""
    repo.write("etc/new", "x")
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-y", "-o", trace, "-e", "trace=fsync"]
    subprocess.run([*strace, *COMMAND, "commit", "-m", "x"], cwd=repo.top, env=repo.cli.env, check=True)
    synced = trace.read_text()
    for name in ("logs/refs/heads/main", "refs/heads/main.lock", "refs/layerctl/worktrees/default.lock"):
        assert f"{repo.dot}/git/{name}>" in synced, name


@pytest.mark.parametrize("lock", ["refs/heads/main.lock", "packed-refs.lock", "config.lock"])
def test_trap_39_a_stale_lock_blocks_nobody(repo: Repo, lock: str) -> None:
    (repo.dot / "git" / lock).touch()
    repo.commit_file("etc/new", "x")
    repo.cli("config", "import.maxBytes", "5")
    repo.cli("branch", "other")
    repo.cli("branch", "-d", "other")


def test_trap_39_a_repository_that_somebody_else_made_is_read(repo: Repo) -> None:
    for path in (repo.top, repo.dot, repo.dot / "git"):
        os.chown(path, 12345, 12345)
    repo.commit_file("etc/new", "x")
    assert len(repo.cli.json("log")) == 2


def test_trap_40_a_commit_that_returned_survives_a_power_cut() -> None:
    with machine("ext4", seed=40) as box:
        assert box.round(COMMIT, returned=True) == "after"


def test_trap_41_a_killed_commit_is_before_or_after(area: Area) -> None:
    template = area.template(COMMIT)
    assert kill(area, template, template.calls[template.durable]) == "before"
    assert kill(area, template, template.calls[template.durable + 1]) == "after"


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_trap_41_a_commit_on_a_failing_disk_is_before_or_after(area: Area, error: str) -> None:
    template = area.template(COMMIT)
    calls = fallible(template)
    early = next(call for call in calls if call.name == "mkdir" and "/objects/" in call.text)
    late = next(call for call in reversed(calls) if call.name == "rename" and "/refs/heads/" in call.text)
    assert fail(area, template, early, error) == "before"
    assert fail(area, template, late, error) == "after"


def test_trap_42_a_stray_git_gc_takes_nothing_that_an_undo_needs(repo: Repo) -> None:
    repo.commit_file("etc/new", "x")
    repo.write("etc/dirty", "precious")
    before = repo.listing()
    repo.cli("rollback")
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "--prune=now", "--quiet")
    repo.cli("undo")
    assert_same(before, repo.rootfs)
    repo.commit("later")
    assert "error" not in repo.git("fsck", "--strict")


def test_trap_42_what_a_running_command_makes_is_not_swept(repo: Repo, spawn: Spawn) -> None:
    """Every command deletes what is left in ``tmp``, unless somebody may still be at work there."""
    hook = repo.dot / "hooks/pre-commit"
    hook.write_text('#!/bin/sh\necho up >&2\nread -r line < "$LAYERCTL_REPO/go"\n')
    hook.chmod(0o755)
    os.mkfifo(repo.dot / "go")
    repo.write("etc/new", "x")
    process = spawn(repo.cli.start("commit", "-m", "x", stdout=-1, stderr=-1))
    with open(repo.dot / "go", "w") as go:  # opens once the hook reads, so the locks are held
        (repo.dot / "tmp/being made").mkdir()
        repo.cli("status")
        assert (repo.dot / "tmp/being made").is_dir()
        go.write("go\n")
    assert process.wait(timeout=60) == 0
    repo.cli("status")
    assert not (repo.dot / "tmp/being made").exists()
