"""What a container cannot do: looked at from inside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from layerctl.errors import NotFound, UsageError
from layerctl.runtime import Bind, Limits, Network, User, build_spec
from tests.unit.runtime.conftest import Box

DOCKER_CAPABILITIES = "00000000a80425fb"


def _status(text: str) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_root_has_dockers_capabilities(box: Box) -> None:
    status = _status(box.sh("cat /proc/self/status"))
    assert [status[name] for name in ("CapBnd", "CapEff", "CapPrm")] == [DOCKER_CAPABILITIES] * 3
    assert [status[name] for name in ("CapInh", "CapAmb")] == ["0" * 16] * 2
    assert status["Seccomp"] == "2"
    assert status["NoNewPrivs"] == "0"


def test_others_have_none(box: Box) -> None:
    status = _status(box.sh("cat /proc/self/status", user=User(1000, 1001, (10, 29))))
    assert [status[name] for name in ("CapEff", "CapPrm", "CapAmb")] == ["0" * 16] * 3
    assert status["Uid"].split() == ["1000"] * 4
    assert status["Gid"].split() == ["1001"] * 4
    assert set(status["Groups"].split()) >= {"10", "29"}


def test_namespaces_are_its_own(box: Box) -> None:
    names = ("mnt", "pid", "ipc", "uts", "net", "cgroup")
    inside = box.sh(f"for n in {' '.join(names)}; do readlink /proc/self/ns/$n; done").split()
    assert all(os.readlink(f"/proc/self/ns/{name}") != link for name, link in zip(names, inside, strict=True))
    assert box.sh("echo $$").strip() == "1"


def test_the_host_network_is_the_hosts(box: Box) -> None:
    assert box.sh("readlink /proc/self/ns/net", network=Network.HOST).strip() == os.readlink("/proc/self/ns/net")


def test_no_network_but_loopback(box: Box) -> None:
    lines = box.sh("ip -o link; ip -o addr").splitlines()
    assert lines
    assert all(" lo" in line for line in lines)
    assert "UP" in lines[0]
    assert box.run("ping", "-c1", "-W1", "127.0.0.1").status == 0


def test_proc_and_sys_are_masked(box: Box) -> None:
    assert box.sh("cat /proc/kcore /proc/keys /proc/timer_list | wc -c").strip() == "0"
    assert box.sh("ls -A /sys/firmware") == ""
    for path in ("/sys/kernel/notes", "/proc/sys/kernel/hostname", "/proc/sys/vm/swappiness"):
        assert "Read-only" in box.run("sh", "-c", f"echo x > {path}").err


def test_cgroups_are_read_only(box: Box) -> None:
    options = [line.split() for line in box.sh("cat /proc/mounts").splitlines()]
    cgroups = [row[3].split(",") for row in options if row[2] in ("cgroup", "cgroup2")]
    assert cgroups
    assert all("ro" in row for row in cgroups)


@pytest.mark.parametrize("command", ["mount -t tmpfs none /tmp", "umount /proc", "unshare -U true", "hostname other"])
def test_commands_are_denied(box: Box, command: str) -> None:
    ran = box.run("sh", "-c", command)
    assert ran.status != 0
    assert "ermi" in ran.err, ran


def test_the_filter_and_not_only_capabilities_denies(box: Box, tmp_path: Path) -> None:
    """An unprivileged user namespace needs no capability: only the filter can refuse it."""
    user = User(1000, 1000)
    assert "not permitted" in box.run("unshare", "-U", "true", user=user).err


def test_threads_and_children_work(box: Box) -> None:
    assert box.sh("(echo a & echo b & wait) | sort") == "a\nb\n"


def test_devices(box: Box) -> None:
    box.sh(
        "head -c 1 /dev/urandom >/dev/null; echo x >/dev/null; test -c /dev/tty; test -d /dev/shm; test -d /dev/mqueue"
    )
    ran = box.run("sh", "-c", "mknod /tmp/mem c 1 1 && cat /tmp/mem")
    assert ran.status != 0
    assert "not permitted" in ran.err


def test_the_rootfs_is_writable_unless_asked_otherwise(box: Box) -> None:
    box.sh("echo x > /written")
    assert (box.rootfs / "written").read_text() == "x\n"
    assert "Read-only" in box.run("sh", "-c", "echo y > /written", read_only=True).err


def test_binds(box: Box, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("from a file")
    shared = tmp_path / "shared"
    (shared / "below").mkdir(parents=True)
    binds = (
        Bind.of(tmp_path / "note", "/data/deep/file"),
        Bind.of(shared, "/data"),
        Bind.of(shared, "/frozen", read_only=True),
    )
    assert box.sh("echo x > /data/new; cat /data/deep/file", binds=binds) == "from a file"
    assert (shared / "new").read_text() == "x\n"
    assert "Read-only" in box.run("sh", "-c", "echo y > /frozen/below/new", binds=binds).err


def test_limits(box: Box) -> None:
    limits = Limits(memory=64 << 20, cpus=0.5, pids=20)
    v1_files = ("memory/memory.limit_in_bytes", "cpu/cpu.cfs_quota_us", "pids/pids.max")
    v1 = "cat " + " ".join(f"/sys/fs/cgroup/{name}" for name in v1_files)
    v2 = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max /sys/fs/cgroup/pids.max"
    out = box.sh(f"{v1} 2>/dev/null || {v2}", limits=limits).split()
    assert [out[0], out[1], out[-1]] == [str(64 << 20), "50000", "20"]


def test_a_bind_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nosuch"):
        Bind.of(tmp_path / "nosuch", "/mnt")
    with pytest.raises(UsageError, match="absolute"):
        Bind.of(tmp_path, "mnt")


@pytest.mark.parametrize("limits", [{"memory": 0}, {"cpus": -1.0}, {"pids": 0}])
def test_limits_are_over_zero(limits: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        Limits(**limits)


def test_the_hostname_and_the_working_directory(box: Box) -> None:
    assert box.sh("hostname; pwd", hostname="box.example", cwd="/made/here") == "box.example\n/made/here\n"


def test_the_spec_is_a_pure_function(box: Box) -> None:
    spec = box.spec("true")
    assert build_spec(spec, machine="x86_64") == build_spec(spec, machine="x86_64")
    assert build_spec(spec)["linux"]["cgroupsPath"] == f"/layerctl/{spec.id}"


def test_no_command_is_a_usage_error(box: Box) -> None:
    with pytest.raises(UsageError, match="no command"):
        box.spec()
