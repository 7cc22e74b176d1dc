"""Containers in the background."""

from __future__ import annotations

import signal
import time

import pytest

from layerctl.errors import AlreadyExists, NotFound, RuntimeFailed, UsageError
from layerctl.runtime import Bundle, ContainerId, Status, User
from tests.unit.runtime.conftest import Box

NOBODY = ContainerId("nobody")


def test_life_in_the_background(box: Box) -> None:
    bundle = box.start("echo out; echo err >&2; cat; sleep 60")
    state = box.runtime.state(bundle.spec.id)
    assert state is not None
    assert (state.id, state.status, state.bundle) == (bundle.spec.id, Status.RUNNING, bundle.path)
    assert state.pid > 1
    assert box.runtime.list() == (state,)
    assert box.runtime.stop(bundle.spec.id, timeout=0.2)
    assert box.runtime.list() == ()
    assert (bundle.stdout.read_text(), bundle.stderr.read_text()) == ("out\n", "err\n")


def test_a_stopped_one_stays_until_it_is_deleted(box: Box) -> None:
    container = box.start("exit 3").spec.id
    while (state := box.runtime.state(container)) is not None and state.is_alive:
        time.sleep(0.02)
    assert [(state.id, state.status) for state in box.runtime.list()] == [(container, Status.STOPPED)]
    assert not box.runtime.kill(container)
    assert not box.runtime.stop(container)
    assert box.runtime.state(container) is None


def test_a_failed_start_leaves_nothing(box: Box) -> None:
    assert box.runtime.start(box.bundle("nosuch")).status == 127
    assert box.runtime.list() == ()
    with pytest.raises(UsageError):
        box.runtime.start(box.bundle("true", tty=True))


def test_pause_and_resume(box: Box) -> None:
    container = box.start("while :; do echo x >> /tmp/ticks; sleep 0.01; done").spec.id
    ticks = box.rootfs / "tmp/ticks"
    while not ticks.exists():
        time.sleep(0.01)
    assert box.runtime.pause(container)
    assert not box.runtime.pause(container)
    state = box.runtime.state(container)
    assert state is not None
    assert state.status is Status.PAUSED
    size = ticks.stat().st_size
    time.sleep(0.2)
    assert ticks.stat().st_size == size
    assert box.runtime.resume(container)
    assert not box.runtime.resume(container)
    time.sleep(0.2)
    assert ticks.stat().st_size > size


def test_a_paused_one_can_be_stopped(box: Box) -> None:
    container = box.start("trap 'exit 0' TERM; touch /tmp/ready; while :; do sleep 0.02; done").spec.id
    while not (box.rootfs / "tmp/ready").exists():
        time.sleep(0.01)
    box.runtime.pause(container)
    start = time.monotonic()
    assert box.runtime.stop(container, timeout=8)
    assert time.monotonic() - start < 4
    assert box.runtime.list() == ()


def test_what_does_not_exist(box: Box) -> None:
    assert box.runtime.list() == ()
    assert box.runtime.state(NOBODY) is None
    assert not box.runtime.kill(NOBODY)
    assert not box.runtime.resume(NOBODY)
    assert not box.runtime.stop(NOBODY)
    box.runtime.delete(NOBODY)
    with pytest.raises(NotFound):
        box.runtime.pause(NOBODY)
    assert box.exec(NOBODY, "true").status == 125


def test_a_live_one_is_deleted_only_by_force(box: Box) -> None:
    container = box.start("sleep 60").spec.id
    with pytest.raises(RuntimeFailed, match="runc delete failed"):
        box.runtime.delete(container)
    assert box.runtime.kill(container, signal.SIGKILL)
    box.runtime.delete(container, force=True)
    assert box.runtime.list() == ()


def test_exec(box: Box) -> None:
    container = box.start("sleep 60", cwd="/tmp").spec.id
    assert box.exec(container, "cat", stdin=b"\x00\xffdata").status == 0
    assert (box.top / "out").read_bytes() == b"\x00\xffdata"
    ran = box.exec(
        container,
        "sh",
        "-c",
        "pwd; id -u; grep -E 'CapEff|Seccomp:' /proc/self/status; exit 7",
        cwd="/etc",
        user=User(1000, 1001),
    )
    assert ran.status == 7
    assert ran.out.split() == ["/etc", "1000", "CapEff:", "0" * 16, "Seccomp:", "2"]
    assert box.exec(container, "nosuch").status == 127
    assert box.exec(container, "/etc").status == 126
    assert box.exec(container, "sh", "-c", "kill -9 $$").status == 137
    assert not list((box.runtime.root / "calls").iterdir())


def test_exec_in_a_paused_one_is_refused(box: Box) -> None:
    container = box.start("sleep 60").spec.id
    box.runtime.pause(container)
    ran = box.exec(container, "true")
    assert ran.status == 125
    assert "paused" in (ran.result.failure or "")


def test_an_aborted_start_is_no_container_and_can_be_deleted(box: Box) -> None:
    """A runtime that is killed before it writes its state leaves an empty directory."""
    (box.runtime.root / "state" / NOBODY.name).mkdir(parents=True)
    assert box.runtime.state(NOBODY) is None
    assert box.runtime.list() == ()
    box.runtime.delete(NOBODY, force=True)
    assert not (box.runtime.root / "state" / NOBODY.name).exists()


def test_errors_name_the_runtime_and_what_it_said(box: Box) -> None:
    container = box.start("true").spec.id
    while (state := box.runtime.state(container)) is not None and state.is_alive:
        time.sleep(0.02)
    with pytest.raises(RuntimeFailed, match=r"^runc pause failed: container not running"):
        box.runtime.pause(container)


def test_a_second_one_of_the_same_name_leaves_the_first_alone(box: Box) -> None:
    first = box.start("sleep 60")
    second = Bundle.create(box.top / "elsewhere", box.spec("true", id=first.spec.id))
    for attempt in (box.runtime.run, box.runtime.start):
        with pytest.raises(AlreadyExists):
            attempt(second)
    (state,) = box.runtime.list()
    assert state.status is Status.RUNNING
