"""``layerctl run``: one command in a worktree or in any commit, with the isolation that Docker users expect."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.oracle import assert_same
from tests.support.cli import COMMAND, Repo
from tests.support.mounts import mounts_below

DOCKER_CAPABILITIES = "00000000a80425fb"


def _sh(repo: Repo, script: str, *options: str) -> str:
    """Output of a script that must succeed in the container."""
    return repo.cli("run", *options, "--", "sh", "-c", script).stdout


@pytest.mark.parametrize("status", [0, 1, 7, 125, 255])
def test_the_exit_status_is_passed_on(repo: Repo, status: int) -> None:
    assert repo.cli.run("run", "--", "sh", "-c", f"exit {status}", check=False).code == status


def test_a_command_killed_by_a_signal(repo: Repo) -> None:
    assert repo.cli.run("run", "--", "sh", "-c", "kill -TERM $$; sleep 5", check=False).code in (0, 128 + 15)
    assert repo.cli.run("run", "--", "sh", "-c", "sh -c 'kill -9 $$'; exit $?", check=False).code == 128 + 9


def test_a_command_that_is_not_there_is_127(repo: Repo) -> None:
    result = repo.cli.run("run", "--", "no-such-command", code=127)
    assert "no-such-command" in result.stderr


def test_a_command_that_cannot_be_executed_is_126(repo: Repo) -> None:
    assert "motd" in repo.cli.run("run", "--", "/etc/motd", code=126).stderr


def test_without_a_command_the_image_config_decides(repo: Repo) -> None:
    repo.commit("config", "--allow-empty", "--change", 'CMD ["echo", "from config"]')
    assert repo.cli("run").stdout == "from config\n"
    repo.commit("config", "--allow-empty", "--change", 'ENTRYPOINT ["echo", "entry"]')
    assert repo.cli("run").stdout == "entry echo from config\n"
    assert repo.cli("run", "--", "argument").stdout == "entry argument\n"


def test_environment_directory_and_user_come_from_the_image_config(repo: Repo) -> None:
    changes = ["ENV GREETING=hello", "WORKDIR /home", "USER app"]
    repo.commit("config", "--allow-empty", *(word for change in changes for word in ("--change", change)))
    assert _sh(repo, "echo $GREETING; pwd; id -u; id -g") == "hello\n/home\n1000\n1000\n"


def test_output_and_errors_stay_apart_and_input_arrives(repo: Repo) -> None:
    result = repo.cli("run", "--", "sh", "-c", "cat; echo err >&2", input=b"\x00binary\xff\n")
    assert result.out == b"\x00binary\xff\n"
    assert result.err == b"err\n"


def test_what_the_command_writes_lands_in_the_write_layer(repo: Repo) -> None:
    _sh(repo, "echo x > /etc/new; rm /etc/motd")
    assert repo.changes() == {"etc/new": "A", "etc/motd": "D"}
    assert (repo.rootfs / "etc/new").read_text() == "x\n"


def test_running_leaves_no_trace_in_the_write_layer(repo: Repo) -> None:
    """TRAPS 28: runtimes leave mount targets behind: proc, dev, sys, etc/resolv.conf."""
    for name in ("proc", "sys"):
        (repo.rootfs / name).rmdir()
    repo.commit("no mount points")
    before = repo.listing()
    _sh(repo, "true")
    assert repo.changes() == {}
    repo.cli.fails(1, "commit", "-m", "x")
    assert_same(before, repo.rootfs, ignore=["mtime_ns"])


def test_running_leaves_no_mounts_and_no_runtime_state_behind(repo: Repo) -> None:
    before = mounts_below(repo.top)
    _sh(repo, "true")
    assert [mount.point for mount in mounts_below(repo.top)] == [mount.point for mount in before]
    assert repo.cli.json("status")["container"] is None


# --------------------------------------------------------------------------------------------------------------- --rev


def test_rev_runs_in_any_commit_and_leaves_the_worktree_untouched(repo: Repo) -> None:
    repo.commit_file("etc/new", "committed")
    repo.write("etc/dirty", "x")
    before, worktrees = repo.listing(), repo.cli.json("worktree", "list")
    script = "ls /etc/new /etc/dirty 2>/dev/null | wc -l; rm -rf /etc/* /usr 2>/dev/null; true"
    assert _sh(repo, script, "--rev", "HEAD~1") == "0\n"
    assert _sh(repo, "cat /etc/new", "--rev", "HEAD") == "committed"
    assert_same(before, repo.rootfs)
    assert repo.cli.json("worktree", "list") == worktrees


def test_rev_leaves_nothing_behind(repo: Repo) -> None:
    mounts, state = mounts_below(repo.top), repo.recorded()
    names = sorted(os.listdir(repo.dot / "worktrees"))
    assert repo.cli.run("run", "--rev", "HEAD", "--", "sh", "-c", "echo x > /etc/x; exit 3", check=False).code == 3
    assert [mount.point for mount in mounts_below(repo.top)] == [mount.point for mount in mounts]
    assert sorted(os.listdir(repo.dot / "worktrees")) == names
    assert repo.recorded() == state


def test_rev_works_while_the_worktree_is_running_something(repo: Repo, spawn: Spawn) -> None:
    _start(repo, spawn)
    assert _sh(repo, "echo two", "--rev", "HEAD") == "two\n"


def test_rev_that_is_unknown_is_not_found(repo: Repo) -> None:
    assert repo.cli.run("run", "--rev", "nonsense", "--", "true", check=False).code in (3, 125)


# ----------------------------------------------------------------------------------------------------------- isolation


def test_own_namespaces(repo: Repo) -> None:
    names = ["mnt", "pid", "ipc", "uts", "net"]
    inside = _sh(repo, f"for n in {' '.join(names)}; do readlink /proc/self/ns/$n; done").split()
    assert len(inside) == len(names)
    assert not set(inside) & {os.readlink(f"/proc/self/ns/{name}") for name in names}


def test_only_its_own_processes_are_seen(repo: Repo) -> None:
    processes = _sh(repo, "echo $$; ls -d /proc/[0-9]*").split()
    assert processes[0] == "1"
    assert len(processes) <= 3


def test_no_network_but_loopback(repo: Repo) -> None:
    assert _sh(repo, "ls /sys/class/net").split() == ["lo"]


def test_capabilities_are_those_of_docker(repo: Repo) -> None:
    status = _sh(repo, "grep Cap /proc/self/status").split()
    assert status[status.index("CapBnd:") + 1] == DOCKER_CAPABILITIES
    assert status[status.index("CapEff:") + 1] == DOCKER_CAPABILITIES


@pytest.mark.parametrize(
    "attempt",
    [
        "mount -t tmpfs none /mnt || mount -t tmpfs none /tmp",
        "echo 1 > /proc/sys/kernel/printk",
        "echo h > /proc/sysrq-trigger",
        "echo x > /sys/kernel/profiling || mkdir /sys/kernel/x",
        "test $(wc -c < /proc/kcore) -gt 0",
        "test $(cat /proc/keys | wc -c) -gt 0",
        "test $(ls -A /sys/firmware | wc -l) -gt 0",
        "mknod /tmp/disk b 254 0 && head -c 1 /tmp/disk",
        "hostname owned",
        "unshare -r true",
        "ls /proc/1/root/work",
        "chroot /proc/1/cwd/../../../../.. test -d /work",
        "nsenter -t 1 -m true && date -s @0",
    ],
)
def test_what_a_container_cannot_do(repo: Repo, attempt: str) -> None:
    assert repo.cli.run("run", "--", "sh", "-c", attempt, check=False).code != 0


def test_the_hosts_files_are_out_of_reach(repo: Repo, workdir: Path) -> None:
    (workdir / "host-file").touch()
    assert repo.cli.run("run", "--", "ls", str(workdir / "host-file"), check=False).code != 0


def test_dev_holds_the_standard_devices_and_no_disks(repo: Repo) -> None:
    names = _sh(repo, "ls /dev").split()
    assert set(names) >= {"null", "zero", "full", "random", "urandom", "tty", "pts", "shm", "fd", "stdin"}
    assert not [name for name in names if name.startswith(("sd", "vd", "nvme", "loop", "kmsg", "mem"))]


def test_the_command_does_not_inherit_the_callers_environment(repo: Repo) -> None:
    printed = repo.cli("run", "--", "env", env={"SECRET_TOKEN": "hush"}).stdout
    assert "SECRET_TOKEN" not in printed
    assert "LAYERCTL" not in printed
    assert "PATH=" in printed


def test_the_command_does_not_inherit_open_files(repo: Repo) -> None:
    assert len(_sh(repo, "ls /proc/1/fd").split()) <= 4


# ----------------------------------------------------------------------------------------------------------- terminals


def _under_terminal(repo: Repo, *args: str, stdin: bytes = b"") -> str:
    """Runs the command with a terminal for stdin, stdout and stderr; returns what it showed."""
    command = " ".join([*COMMAND, *args])
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        input=stdin,
        capture_output=True,
        cwd=repo.top,
        env=repo.cli.environment(),
        timeout=60,
    )
    return done.stdout.decode()


def test_a_terminal_when_there_is_one(repo: Repo) -> None:
    shown = _under_terminal(repo, "run", "--", "sh", "-c", "'tty; stty size'")
    assert "not a tty" not in shown
    assert "/dev/" in shown


def test_no_terminal_when_there_is_none(repo: Repo) -> None:
    assert "not a tty" in repo.cli.run("run", "--", "tty", check=False).stdout


def test_the_exit_status_through_a_terminal(repo: Repo) -> None:
    command = " ".join([*COMMAND, "run", "--", "sh", "-c", "'exit 9'"])
    script = ["script", "-qec", command, "/dev/null"]
    done = subprocess.run(script, cwd=repo.top, env=repo.cli.environment(), stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 9


# ------------------------------------------------------------------------------------------- running, pausing, stopping


def _start(repo: Repo, spawn: Spawn, script: str = "echo up; sleep 600") -> subprocess.Popen[bytes]:
    """A container that has got as far as printing a line."""
    started = repo.cli.start("run", "--", "sh", "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    container = spawn(started)
    assert container.stdout is not None
    assert container.stdout.readline() == b"up\n"
    return container


def test_a_commit_while_a_container_runs_freezes_it(repo: Repo, spawn: Spawn) -> None:
    container = _start(repo, spawn, "echo up; while read line; do echo $line > /srv-$line; echo did; done")
    assert container.stdin is not None
    assert container.stdout is not None
    container.stdin.write(b"one\n")
    assert container.stdout.readline() == b"did\n"
    commit = repo.commit("running")
    assert commit["layer"]["quiescence"] == "frozen"
    container.stdin.write(b"two\n")
    assert container.stdout.readline() == b"did\n"
    assert {path.name for path in repo.layer_fs(commit).iterdir()} >= {"srv-one"}
    assert "srv-two" not in os.listdir(repo.layer_fs(commit))
    assert "srv-two" in repo.changes()


def test_a_commit_with_no_pause_is_live(repo: Repo, spawn: Spawn) -> None:
    _start(repo, spawn, "echo x > /srv-x; echo up; sleep 600")
    assert repo.commit("running", "--no-pause")["layer"]["quiescence"] == "live"


def test_frozen_means_not_torn(repo: Repo, spawn: Spawn) -> None:
    """Two files that the container always changes together are equal in every commit, give or take one step."""
    loop = "i=0; echo up; while :; do i=$((i+1)); echo $i > /a; echo $i > /b; done"
    _start(repo, spawn, loop)
    for number in range(4):
        commit = repo.commit(f"running {number}")
        first, second = ((repo.layer_fs(commit) / name).read_text() for name in ("a", "b"))
        assert first == "" or second == "" or abs(int(first) - int(second)) <= 1


def test_a_container_is_told_of_signals(repo: Repo, spawn: Spawn) -> None:
    container = _start(repo, spawn, "trap 'echo caught; exit 5' TERM; echo up; while :; do sleep 0.1; done")
    container.send_signal(signal.SIGTERM)
    assert container.stdout is not None
    assert container.stdout.read() == b"caught\n"
    assert container.wait(timeout=20) == 5


def test_a_second_container_in_one_worktree_is_refused_or_shares_nothing(repo: Repo, spawn: Spawn) -> None:
    _start(repo, spawn)
    result = repo.cli.run("run", "--", "true", check=False)
    assert result.code in (0, 4, 125)


def test_checkout_while_a_container_runs_is_refused(repo: Repo, spawn: Spawn) -> None:
    repo.commit_file("etc/new", "x")
    container = _start(repo, spawn)
    repo.cli.fails(4, "checkout", "HEAD~1")
    assert container.poll() is None


def test_crun_works_as_runc_does(repo: Repo, workdir: Path) -> None:
    """Where crun can run at all (TRAPS 38: not on hybrid cgroups), the result is the same; else a clear error."""
    only = workdir / "only-crun"
    only.mkdir()
    crun = shutil.which("crun")
    assert crun is not None
    (only / "crun").symlink_to(crun)
    result = repo.cli.run("run", "--", "sh", "-c", "exit 7", check=False, env={"PATH": str(only)})
    assert result.code in (6, 7, 125)


def test_without_a_runtime_it_says_which_one_to_install(repo: Repo, workdir: Path) -> None:
    (workdir / "empty").mkdir()
    result = repo.cli.fails(6, "run", "--", "true", env={"PATH": str(workdir / "empty")})
    assert "runc" in result.stderr
