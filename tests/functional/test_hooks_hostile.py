"""Hooks that fail, hang, crash, babble or are no programs at all: a whole repository and a clear message, each time."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.support.cli import Repo, Result, interrupt

SECONDS = 1


def commit(repo: Repo, *, code: int) -> Result:
    """Commits one change and checks what must hold afterwards: all of it happened, or none."""
    repo.write("srv/n", "1")
    head = repo.head()
    result = repo.cli.run("commit", "-m", "x", code=code, timeout=30)
    assert (repo.head() == head) == (code != 0)
    assert repo.changes() == ({"srv": "A", "srv/n": "A"} if code else {})
    assert list((repo.dot / "tmp").iterdir()) == []
    assert not (repo.dot / "journal/pending.json").exists()
    return result


def binary(path: Path) -> None:
    path.write_bytes(b"\x7fELF\2\1\1\0 not really")
    path.chmod(0o755)


def dangling(path: Path) -> None:
    path.symlink_to("/no/such/program")


def directory(path: Path) -> None:
    path.mkdir()


def looping(path: Path) -> None:
    path.symlink_to(path.name)


def fifo(path: Path) -> None:
    os.mkfifo(path, 0o755)


def plain(path: Path) -> None:
    path.write_text("#!/bin/sh\nexit 1\n")


@pytest.mark.parametrize(
    ("script", "first", "message"),
    [
        ("exit 7", "#!/bin/sh", "refused (exit status 7)"),
        ("sleep 600", "#!/bin/sh", "took longer than 1 seconds and was ended"),
        ("trap '' TERM HUP INT; while :; do sleep 1; done", "#!/bin/sh", "took longer than 1 seconds and was ended"),
        ("kill -SEGV $$", "#!/bin/sh", "was ended by the signal SIGSEGV"),
        ("import os; os.abort()", "#!/usr/bin/python3", "was ended by the signal SIGABRT"),
        ("", "#!/no/such/shell", "could not be started: the interpreter that its first line names is missing"),
    ],
    ids=["fails", "hangs", "hangs on", "crashes", "python", "no interpreter"],
)
def test_one_that_goes_wrong_stops_the_commit(hooked: Repo, script: str, first: str, message: str) -> None:
    hooked.cli("config", "hooks.timeout", str(SECONDS))
    hooked.hook("pre-commit", script, first=first)
    assert f"layerctl: the hook pre-commit {message}\n" in commit(hooked, code=1).stderr


def test_one_that_is_no_program_stops_the_commit(hooked: Repo) -> None:
    binary(hooked.dot / "hooks/pre-commit")
    result = commit(hooked, code=1)
    assert "the hook pre-commit could not be started: it is no program for this machine" in result.stderr


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (dangling, "is a symlink that leads nowhere"),
        (looping, "is a symlink that leads nowhere"),
        (directory, "is no regular file"),
        (fifo, "is no regular file"),
        (plain, "is not executable"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_cannot_be_run_is_ignored_with_one_hint(hooked: Repo, make: Callable[[Path], None], reason: str) -> None:
    path = hooked.dot / "hooks/commit-msg"
    make(path)
    lines = [line for line in commit(hooked, code=0).stderr.splitlines() if line.startswith("commit-msg: ")]
    assert len(lines) == 1
    assert lines[0].startswith(f"commit-msg: {path} {reason} and was ignored (")


def test_the_hint_can_be_left_out(hooked: Repo) -> None:
    plain(hooked.dot / "hooks/commit-msg")
    hooked.cli("config", "advice.ignoredHook", "false")
    assert commit(hooked, code=0).stderr == ""


def test_one_that_forks_into_the_background_does_not_hold_the_commit(hooked: Repo) -> None:
    hooked.hook("pre-commit", "sleep 600 & echo $! > pid")
    start = time.monotonic()
    try:
        commit(hooked, code=0)
        assert time.monotonic() - start < 20
    finally:
        os.kill(int((hooked.top / "pid").read_text()), signal.SIGKILL)


def test_one_in_the_background_that_works_in_the_rootfs_makes_the_commit_a_live_one(hooked: Repo) -> None:
    hooked.hook("pre-commit", "cd rootfs; sleep 600 & echo $! > ../pid")
    hooked.write("srv/n", "1")
    try:
        assert hooked.commit()["layer"]["quiescence"] == "live"
        assert hooked.changes() == {}
    finally:
        os.kill(int((hooked.top / "pid").read_text()), signal.SIGKILL)


def test_binary_output_cannot_hurt_the_terminal(hooked: Repo) -> None:
    hooked.hook("pre-commit", r"printf 'a\377b\033[2J\000\n'; head -c 2000 /dev/urandom")
    err = commit(hooked, code=0).err
    assert b"pre-commit: a\xef\xbf\xbdb?[2J?\n" in err
    assert not set(err) & (set(range(32)) - {9, 10})


def test_megabytes_of_output_are_cut(hooked: Repo) -> None:
    hooked.hook("pre-commit", "yes something to say | head -c 5000000")
    result = commit(hooked, code=0)
    assert len(result.err) < 200_000
    assert result.stderr.splitlines()[-1] == "pre-commit: (4,934,464 more bytes of output are not shown)"


def test_one_that_unmounts_the_rootfs_loses_nothing(hooked: Repo) -> None:
    hooked.hook("pre-commit", 'umount "$LAYERCTL_ROOTFS"')
    commit(hooked, code=0)
    assert (hooked.rootfs / "srv/n").read_text() == "1"
    assert hooked.cli("show", "HEAD:srv/n").stdout == "1"


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("event", ["pre-commit", "reference-transaction"])
def test_an_interrupt_ends_the_hook_and_changes_nothing(
    hooked: Repo, spawn: Spawn, event: str, with_signal: signal.Signals
) -> None:
    hooked.hook(event, '[ "$1" = aborted ] || { echo $$ > new; mv new pid; exec sleep 600; }')
    hooked.write("srv/n", "1")
    head = hooked.head()
    process = spawn(hooked.cli.start("commit", "-m", "x", stderr=subprocess.PIPE, start_new_session=True))
    while not (hooked.top / "pid").exists():
        assert process.poll() is None
        time.sleep(0.01)
    interrupt(process, with_signal)
    assert process.stderr is not None
    assert process.stderr.read() == b"layerctl: interrupted; nothing was changed\n"
    assert process.returncode == 128 + with_signal
    assert not Path("/proc", (hooked.top / "pid").read_text().strip()).exists()
    (hooked.dot / "hooks" / event).unlink()
    assert hooked.head() == head
    assert hooked.commit()["layer"]["quiescence"] == "sealed"


def test_a_post_hook_that_hangs_changes_nothing_that_was_done(hooked: Repo) -> None:
    hooked.cli("config", "hooks.timeout", str(SECONDS))
    hooked.hook("post-commit", "sleep 600")
    result = commit(hooked, code=0)
    assert result.stderr == "post-commit: took longer than 1 seconds and was ended\n"


@pytest.mark.parametrize("value", ["0", "-1", "soon", "nan", "inf"])
def test_a_time_limit_that_is_none_is_refused(hooked: Repo, value: str) -> None:
    hooked.cli("config", "--", "hooks.timeout", value)
    hooked.write("srv/n", "1")
    result = hooked.cli.fails(2, "commit", "-m", "x")
    assert "hooks.timeout must be a number of seconds above 0" in result.stderr
