"""Hooks inside the image: quiesce and thaw around the commit of a running container."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.support.cli import Repo, interrupt

HOOKS = "etc/layerctl/hooks.d"

Start = Callable[..., subprocess.Popen[bytes]]


def put(repo: Repo, name: str, script: str, mode: int = 0o755) -> Path:
    path = repo.write(f"{HOOKS}/{name}", f"#!/bin/sh\n{script}\n")
    path.chmod(mode)
    return path


@pytest.fixture
def container(hooked: Repo, spawn: Spawn) -> Start:
    """Starts a container that counts its beats in ``/srv/beat``, and waits until it runs."""

    def start(
        script: str = "while :; do n=$((n + 1)); echo $n > /srv/beat; sleep 0.02; done",
    ) -> subprocess.Popen[bytes]:
        (hooked.rootfs / "srv").mkdir(exist_ok=True)
        process = spawn(hooked.cli.start("run", "--", "sh", "-c", f"touch /srv/up; {script}"))
        while not (hooked.rootfs / "srv/up").exists():
            assert process.poll() is None
            time.sleep(0.01)
        return process

    return start


@pytest.fixture(autouse=True)
def stopped(hooked: Repo) -> object:
    """No container is left for the next test."""
    yield
    runc = ["runc", "--root", str(hooked.runtime_state / "state")]
    names = subprocess.run([*runc, "list", "-q"], capture_output=True, text=True).stdout.split()
    for name in names:
        subprocess.run([*runc, "delete", "--force", name], check=True)


def calls(repo: Repo) -> list[str]:
    return (repo.rootfs / "srv/calls").read_text().splitlines()


NOTE = 'echo "$LAYERCTL_HOOK $LAYERCTL_WORKTREE $(hostname | wc -c) $(id -u)" >> /srv/calls'


def test_they_run_in_the_container_around_its_commit(hooked: Repo, container: Start) -> None:
    """What quiesce writes is in the commit; what thaw writes is not."""
    put(hooked, "quiesce", f"{NOTE}; echo resting")
    put(hooked, "thaw", f"{NOTE}; echo going on >&2")
    process = container()
    result = hooked.cli("--json", "commit", "-m", "x")
    assert result.json["layer"]["quiescence"] == "frozen"
    assert result.stderr == "quiesce: resting\nthaw: going on\n"
    [rest, thaw] = calls(hooked)
    name = json.loads((hooked.dot / "worktrees/default/worktree.json").read_text())["container"]
    assert rest == f"quiesce default {len(name) + 1} 0"
    assert thaw == f"thaw default {len(name) + 1} 0"
    assert hooked.cli("show", "HEAD:srv/calls").stdout.splitlines() == [rest]
    beat = (hooked.rootfs / "srv/beat").read_text()
    while (hooked.rootfs / "srv/beat").read_text() == beat:  # it goes on
        time.sleep(0.01)
    assert process.poll() is None


def test_one_that_fails_stops_the_commit_and_thaw_runs(hooked: Repo, container: Start) -> None:
    put(hooked, "quiesce", f"{NOTE}; exit 3")
    put(hooked, "thaw", NOTE)
    container()
    head = hooked.head()
    result = hooked.cli.run("commit", "-m", "x", code=1)
    assert "layerctl: the hook quiesce in the container refused (exit status 3)\n" in result.stderr
    assert hooked.head() == head
    assert [call.split()[0] for call in calls(hooked)] == ["quiesce", "thaw"]


def test_thaw_runs_after_a_commit_that_fails_later(hooked: Repo, container: Start) -> None:
    put(hooked, "quiesce", NOTE)
    put(hooked, "thaw", f"{NOTE}; exit 9")
    hooked.hook("reference-transaction", "exit 1")
    container()
    result = hooked.cli.run("commit", "-m", "x", code=1)
    assert "the hook reference-transaction refused" in result.stderr
    assert "thaw: refused (exit status 9)\n" in result.stderr
    assert [call.split()[0] for call in calls(hooked)] == ["quiesce", "thaw"]


def test_one_that_hangs_is_ended_in_the_container_too(hooked: Repo, container: Start) -> None:
    hooked.cli("config", "hooks.timeout", "1")
    put(hooked, "quiesce", "trap '' TERM; echo $$ > /srv/pid; sleep 5432")
    put(hooked, "thaw", NOTE)
    container()
    result = hooked.cli.run("commit", "-m", "x", code=1, timeout=30)
    assert "the hook quiesce in the container took longer than 1 seconds and was ended" in result.stderr
    assert [call.split()[0] for call in calls(hooked)] == ["thaw"]
    deadline = time.monotonic() + 20
    while subprocess.run(["pgrep", "-f", "hooks.d/quiesce"], capture_output=True).stdout:  # another test's pass by
        assert time.monotonic() < deadline
        time.sleep(0.1)
    subprocess.run(["pkill", "-f", "^sleep 5432$"], check=False)


@pytest.mark.parametrize("status", [0, 7])
def test_what_it_leaves_in_the_background_does_not_hold_the_commit(hooked: Repo, container: Start, status: int) -> None:
    """Although that has the hook's output open: it is over when the hook is, and its exit status counts."""
    put(hooked, "quiesce", f"(trap '' HUP; sleep 4321; touch /srv/late) & echo begun; exit {status}")
    put(hooked, "thaw", NOTE)
    container()
    began = time.monotonic()
    result = hooked.cli.run("commit", "-m", "x", code=1 if status else 0)
    assert time.monotonic() - began < 20
    assert "quiesce: begun\n" in result.stderr
    assert ("the hook quiesce in the container refused (exit status 7)" in result.stderr) == (status == 7)
    assert [call.split()[0] for call in calls(hooked)] == ["thaw"]
    left = subprocess.run(["pgrep", "-f", "^sleep 4321$"], capture_output=True, text=True).stdout.split()
    assert len(left) == 1
    os.kill(int(left[0]), signal.SIGKILL)


def test_it_may_clean_up_when_its_time_is_over(hooked: Repo, container: Start) -> None:
    hooked.cli("config", "hooks.timeout", "1")
    put(hooked, "quiesce", "trap 'sleep 0.3; touch /srv/cleaned; exit 1' TERM; sleep 600 & wait")
    container()
    hooked.cli.run("commit", "-m", "x", code=1, timeout=30)
    assert (hooked.rootfs / "srv/cleaned").exists()


def test_one_that_crashes_stops_the_commit(hooked: Repo, container: Start) -> None:
    put(hooked, "quiesce", "kill -9 $$")
    container()
    result = hooked.cli.run("commit", "-m", "x", code=1)
    assert "the hook quiesce in the container refused (exit status 137)" in result.stderr


def test_an_interrupt_while_it_rests_lets_it_go_on(hooked: Repo, container: Start, spawn: Spawn) -> None:
    put(hooked, "quiesce", "touch /srv/resting; sleep 600")
    put(hooked, "thaw", NOTE)
    container()
    head = hooked.head()
    process = spawn(hooked.cli.start("commit", "-m", "x", stderr=subprocess.PIPE, start_new_session=True))
    while not (hooked.rootfs / "srv/resting").exists():
        time.sleep(0.01)
    interrupt(process, signal.SIGINT)
    assert process.returncode == 130
    assert hooked.head() == head
    assert [call.split()[0] for call in calls(hooked)] == ["thaw"]


@pytest.mark.parametrize("options", [["--no-verify"], ["--no-pause"]], ids=" ".join)
def test_with_options(hooked: Repo, container: Start, options: list[str]) -> None:
    """--no-verify leaves both out; without a pause they matter the more."""
    put(hooked, "quiesce", NOTE)
    put(hooked, "thaw", NOTE)
    container("sleep 600")
    made = hooked.commit("x", *options)
    assert made["layer"]["quiescence"] == ("live" if "--no-pause" in options else "frozen")
    assert (hooked.rootfs / "srv/calls").exists() == ("--no-verify" not in options)


def test_nothing_is_run_where_nothing_runs(hooked: Repo) -> None:
    put(hooked, "quiesce", "exit 1")
    put(hooked, "thaw", "exit 1")
    assert hooked.cli("commit", "-m", "x").stderr == ""


def test_a_container_that_is_paused_already_is_not_asked(hooked: Repo, container: Start) -> None:
    """Nothing can run in it; and it stays paused."""
    put(hooked, "quiesce", "exit 1")
    container("sleep 600")
    name = hooked.cli.json("status")["container"]
    runc = ["runc", "--root", str(hooked.runtime_state / "state")]
    subprocess.run([*runc, "pause", name], check=True)
    result = hooked.cli("commit", "-m", "x")
    assert result.stderr == "quiesce: the container is paused: its hooks are not called\n"
    state = subprocess.run([*runc, "state", name], capture_output=True, check=True).stdout
    assert json.loads(state)["status"] == "paused"
    subprocess.run([*runc, "resume", name], check=True)


@pytest.mark.parametrize("what", ["not executable", "fifo"])
def test_what_cannot_be_run_is_ignored_with_a_hint(hooked: Repo, container: Start, what: str) -> None:
    path = put(hooked, "quiesce", "exit 1", mode=0o644)
    if what != "not executable":
        path.unlink()
        os.mkfifo(path, 0o755)
    container("sleep 600")
    result = hooked.cli("commit", "-m", "x")
    assert result.stderr == f"quiesce: /{HOOKS}/quiesce in the container is no executable file and was ignored\n"


def test_its_interpreter_is_missing_in_the_container(hooked: Repo, container: Start) -> None:
    hooked.write(f"{HOOKS}/quiesce", "#!/usr/bin/python3\n").chmod(0o755)
    container("sleep 600")
    result = hooked.cli.run("commit", "-m", "x", code=1)
    assert f"/{HOOKS}/quiesce: no such file or directory" in result.stderr
    assert "layerctl: the hook quiesce in the container " in result.stderr


@pytest.mark.parametrize("link", ["file", "folder"])
def test_a_symlink_never_leads_to_a_program_of_the_host(
    hooked: Repo, container: Start, link: str, public_dir: Path
) -> None:
    """The host has a program there that would leave a trace; in the container the link leads nowhere."""
    program = public_dir / "quiesce"
    program.write_text(f"#!/bin/sh\ntouch {public_dir}/escaped\nexit 1\n")
    program.chmod(0o755)
    place = hooked.rootfs / HOOKS
    if link == "file":
        place.mkdir(parents=True)
        (place / "quiesce").symlink_to(program)
    else:
        place.parent.mkdir(parents=True)
        place.symlink_to(public_dir)
    container("sleep 600")
    assert hooked.cli("commit", "-m", "x").stderr == ""
    assert not (public_dir / "escaped").exists()


def test_a_symlink_within_the_container_is_followed(hooked: Repo, container: Start) -> None:
    hooked.write("usr/lib/rest", f"#!/bin/sh\n{NOTE}\n").chmod(0o755)
    (hooked.rootfs / HOOKS).mkdir(parents=True)
    (hooked.rootfs / HOOKS / "quiesce").symlink_to("/usr/lib/rest")
    container("sleep 600")
    hooked.cli("commit", "-m", "x")
    assert [call.split()[0] for call in calls(hooked)] == ["quiesce"]
