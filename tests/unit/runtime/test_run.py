"""Exit statuses, streams, signals."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from layerctl.errors import AlreadyExists, NoPrivilege, NoRuntime, UsageError
from layerctl.runtime import Bind, Bundle, ContainerId, RunResult, Runtime, Status, find_runtime
from tests.unit.runtime.conftest import SEARCH_PATH, Box


@pytest.mark.parametrize("status", [0, 1, 3, 125, 126, 127, 255])
def test_the_commands_own_status_is_passed_on(box: Box, status: int) -> None:
    assert box.run("sh", "-c", f"exit {status}").result == RunResult(status)


@pytest.mark.parametrize(
    ("argv", "status"),
    [(("nosuch",), 127), (("/no/such",), 127), (("/etc",), 126), (("/etc/passwd",), 126)],
)
def test_a_command_that_cannot_start(box: Box, argv: tuple[str, ...], status: int) -> None:
    ran = box.run(*argv)
    assert ran.status == status
    assert ran.result.failure is not None
    assert argv[0] in ran.result.failure
    assert "runc run failed" not in ran.result.failure


def test_a_container_that_cannot_be_made_is_125(box: Box, tmp_path: Path) -> None:
    ran = box.run("true", binds=(Bind(tmp_path / "nosuch", "/mnt", is_dir=True),))
    assert ran.status == 125
    assert ran.result.failure is not None
    assert "nosuch" in ran.result.failure


def test_an_error_log_line_of_the_command_is_no_failure(box: Box) -> None:
    ran = box.run("sh", "-c", """echo '{"level":"error","msg":"exec: x: executable file not found"}' >&2; exit 1""")
    assert ran.result == RunResult(1)


def test_nothing_is_left_after_a_run(box: Box) -> None:
    for argv in (("true",), ("nosuch",)):
        bundle = box.bundle(*argv)
        box.runtime.run(bundle)
        bundle.remove()
        bundle.remove()
        assert box.runtime.list() == ()
        assert not list((box.top / "bundles").iterdir())
        assert not list(Path("/sys/fs/cgroup").glob(f"*/layerctl/{bundle.spec.id}"))


def test_binary_data_passes_through(box: Box) -> None:
    data = os.urandom(1 << 20) + b"\r\n\x00\x04\x1a"
    ran = box.run("sh", "-c", "tee /tmp/copy | sha256sum", stdin=data)
    assert ran.out.split()[0] == hashlib.sha256(data).hexdigest()
    box.run("cat", "/tmp/copy")
    assert (box.top / "out").read_bytes() == data


def test_streams_stay_apart(box: Box) -> None:
    ran = box.run("sh", "-c", "echo out; echo err >&2")
    assert (ran.out, ran.err) == ("out\n", "err\n")


def test_the_container_holds_no_descriptor_of_a_host_file(box: Box) -> None:
    assert set(box.sh("for n in 0 1 2; do readlink /proc/self/fd/$n | cut -d: -f1; done").split()) == {"pipe"}


def test_a_death_by_signal_is_128_plus_n(box: Box) -> None:
    assert box.run("sh", "-c", "sh -c 'kill -SEGV $$'; exit $?").status == 128 + signal.SIGSEGV


def test_a_killed_container_is_137(box: Box) -> None:
    process = subprocess.Popen(box.command("sleep", "60"))
    _wait_for_container(box)
    assert box.runtime.kill(box.runtime.list()[0].id, signal.SIGKILL)
    assert process.wait(10) == 137
    assert box.runtime.list() == ()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_reach_the_command_once(box: Box, number: signal.Signals) -> None:
    wait = "while [ ! -s /tmp/got ]; do sleep 0.05; done; sleep 0.3; exit 9"
    script = f"trap 'echo got >>/tmp/got' {number.name[3:]}; touch /tmp/ready; {wait}"
    process = subprocess.Popen(box.command("sh", "-c", script))
    _wait_for(box.rootfs / "tmp/ready")
    process.send_signal(number)
    assert process.wait(10) == 9
    assert (box.rootfs / "tmp/got").read_text() == "got\n"
    assert box.runtime.list() == ()


def test_the_third_request_to_end_kills_a_command_that_ignores_it(box: Box) -> None:
    process = subprocess.Popen(box.command("sh", "-c", "trap '' INT TERM; touch /tmp/ready; sleep 60"))
    _wait_for(box.rootfs / "tmp/ready")
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 137
    assert box.runtime.list() == ()


def test_what_a_killed_layerctl_leaves_can_be_deleted(box: Box) -> None:
    process = subprocess.Popen(box.command("sleep", "60"))
    _wait_for_container(box)
    process.kill()
    process.wait()
    (state,) = box.runtime.list()
    assert state.status is Status.RUNNING
    box.runtime.delete(state.id, force=True)
    assert box.runtime.list() == ()


def test_a_terminal_that_is_none_is_refused(box: Box) -> None:
    with pytest.raises(UsageError, match="not a terminal"):
        box.run("true", tty=True)


def test_a_bundle_is_made_once(box: Box) -> None:
    bundle = box.bundle("true")
    with pytest.raises(AlreadyExists):
        Bundle.create(bundle.path, bundle.spec)


def test_what_is_not_utf8_is_refused_and_leaves_nothing(box: Box) -> None:
    with pytest.raises(UsageError, match="UTF-8"):
        box.bundle("echo", os.fsdecode(b"\xff"))
    assert not list((box.top / "bundles").iterdir())


def test_find_runtime(tmp_path: Path) -> None:
    assert find_runtime(search_path=SEARCH_PATH).name == "runc"
    assert find_runtime(("nosuch", "crun"), search_path=SEARCH_PATH).name == "crun"
    with pytest.raises(NoRuntime, match="runc or crun"):
        find_runtime(search_path=str(tmp_path))


def test_without_root_there_is_no_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NoPrivilege):
        Runtime(Path("/usr/sbin/runc"), tmp_path)


@pytest.mark.parametrize("name", ["", "a/b", "..", "-x", "a" * 64, "a\n"])
def test_bad_container_names(name: str) -> None:
    with pytest.raises(UsageError):
        ContainerId(name)


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)


def _wait_for_container(box: Box) -> None:
    deadline = time.monotonic() + 10
    while not any(state.status is Status.RUNNING for state in box.runtime.list()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_signal_right_at_the_start_leaves_nothing(box: Box) -> None:
    for delay in (0.08, 0.1, 0.12, 0.14):
        process = subprocess.Popen(box.command("sh", "-c", "trap 'exit 143' TERM; sleep 60 & wait"))
        time.sleep(delay)
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(1) in (143, -signal.SIGTERM)
        except subprocess.TimeoutExpired:  # the shell had no handler yet, so pid 1 ignored it
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 143
        assert box.runtime.list() == ()
