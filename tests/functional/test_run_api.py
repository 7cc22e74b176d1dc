"""``Repository.run``: what the command line does not need, output that is taken and a time limit."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from layerctl import Repository, RunRequest, RunResult, Stdio
from layerctl.errors import UsageError
from layerctl.runtime.capture import CAPTURE_LIMIT
from tests.support.cli import Repo


def sh(script: str, **fields: object) -> RunRequest:
    return RunRequest(argv=("sh", "-c", script), **fields)  # type: ignore[arg-type]


@pytest.fixture
def box(repo: Repo) -> Repository:
    return Repository.open(repo.top)


def test_output_is_taken_and_nothing_shown(box: Repository, capfd: pytest.CaptureFixture[str]) -> None:
    done = box.run(sh("printf 'out\\377'; echo err >&2; exit 3"), capture_output=True)
    assert done == RunResult(3, stdout=b"out\xff", stderr=b"err\n")
    assert box.run(sh("echo x", revision="HEAD"), capture_output=True).stdout == b"x\n"
    assert capfd.readouterr() == ("", "")
    assert box.run(sh("echo shown")) == RunResult(0)
    assert capfd.readouterr() == ("shown\n", "")


def test_a_command_that_cannot_start_says_why(box: Repository) -> None:
    done = box.run(RunRequest(argv=("nosuch",)), capture_output=True)
    assert done.status == 127
    assert "nosuch" in (done.failure or "")
    assert b"nosuch" in done.stderr


def test_input_is_empty_unless_it_is_named(box: Repository, tmp_path: Path) -> None:
    """Not even where the caller has some: an agent's own must not be eaten."""
    before = os.dup(0)
    (tmp_path / "in").write_text("typed\n")
    with open(tmp_path / "in") as file:
        os.dup2(file.fileno(), 0)
        try:
            assert box.run(sh("cat"), capture_output=True).stdout == b""
        finally:
            os.dup2(before, 0)
            os.close(before)
        assert box.run(sh("cat", stdio=Stdio(stdin=file.fileno())), capture_output=True).stdout == b"typed\n"


def test_of_too_much_output_the_beginning_is_kept(box: Repository) -> None:
    script = f"echo first; head -c {CAPTURE_LIMIT + (3 << 20)} /dev/zero; echo last >&2"
    done = box.run(sh(script), capture_output=True)
    assert (done.status, done.stderr) == (0, b"last\n")
    assert len(done.stdout) == CAPTURE_LIMIT
    assert done.stdout.startswith(b"first\n\0")


def test_what_takes_too_long_is_killed_with_all_that_it_started(box: Repository, repo: Repo) -> None:
    """Its children hold the output open, it ignores signals, and both go on for good if they are let."""
    script = "trap '' TERM INT; (while :; do date +%s >> /root/alive; sleep 0.1; done) & echo begun; wait"
    began = time.monotonic()
    done = box.run(sh(script, seconds=2), capture_output=True)
    assert done == RunResult(124, stdout=b"begun\n")
    assert time.monotonic() - began < 20
    alive = (repo.rootfs / "root/alive").read_bytes()
    time.sleep(0.5)
    assert (repo.rootfs / "root/alive").read_bytes() == alive
    assert box.status().container is None
    assert box.run(sh("true", seconds=60)).status == 0
    assert repo.cli.json("commit", "-m", "after")["layer"]["quiescence"] == "sealed"


def test_a_time_limit_leaves_a_throwaway_nothing(box: Repository, repo: Repo) -> None:
    assert box.run(sh("sleep 1000", revision="HEAD", seconds=0.5), capture_output=True).status == 124
    assert list((repo.dot / "tmp").iterdir()) == []
    assert str(repo.dot / "tmp") not in Path("/proc/self/mountinfo").read_text()


def test_a_terminal_and_taken_output_exclude_each_other(box: Repository) -> None:
    with pytest.raises(UsageError):
        box.run(sh("true", tty=True), capture_output=True)


def test_many_runs_leave_no_descriptors(box: Repository) -> None:
    box.run(sh("true"), capture_output=True)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        box.run(sh("echo x"), capture_output=True)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_relative_start_is_as_good_as_an_absolute_one(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo.top.parent)
    assert Repository.open(Path(repo.top.name)).mountpoint == repo.rootfs
    monkeypatch.chdir(repo.rootfs / "etc")
    for start in (".", ".."):
        found = Repository.open(Path(start))
        assert (found.path, found.mountpoint) == (repo.dot, repo.rootfs)
    added = found.add_worktree("second")
    monkeypatch.chdir(Path(added.mountpoint) / "etc")
    assert Repository.open(Path("..")).worktree == "second"
