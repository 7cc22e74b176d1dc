"""The system call filter, asked call by call: Python inside a container, with raw numbers of x86-64."""

from __future__ import annotations

import errno
import json
import platform
import sys
from pathlib import Path

import pytest

from layerctl.runtime import Bind, User
from layerctl.runtime.seccomp import build_seccomp
from tests.unit.runtime.conftest import Box

_ASK = """
import ctypes, json, sys
libc = ctypes.CDLL(None, use_errno=True)
answers = {}
for name, arguments in json.loads(sys.argv[1]).items():
    ctypes.set_errno(0)
    result = libc.syscall(*map(ctypes.c_long, arguments))
    answers[name] = 0 if result >= 0 else ctypes.get_errno()
print(json.dumps(answers))
"""
_DENIED = {
    "mount": [165],
    "umount2": [166],
    "pivot_root": [155],
    "fsopen": [430],
    "fsmount": [432],
    "move_mount": [429],
    "open_tree": [428],
    "mount_setattr": [442],
    "unshare user": [272, 0x10000000],
    "setns": [308],
    "clone user": [56, 0x10000011],
    "clone net": [56, 0x40000011],
    "add_key": [248],
    "request_key": [249],
    "keyctl": [250],
    "init_module": [175],
    "finit_module": [313],
    "kexec_load": [246],
    "kexec_file_load": [320],
    "bpf": [321],
    "perf_event_open": [298],
    "userfaultfd": [323, 1],
    "open_by_handle_at": [304],
    "io_uring_setup": [425, 1, 0],
    "reboot": [169],
    "syslog": [103, 10],
    "acct": [163],
    "quotactl": [179],
    "swapon": [167],
    "settimeofday": [164],
    "clock_settime": [227],
    "sethostname": [170],
    "iopl": [172, 3],
    "mbind": [237],
    "personality no randomize": [135, 0x0040000],
    "personality read implies exec": [135, 0x0400008],
    "vsock": [41, 40, 1, 0],
}
_ALLOWED = {
    "personality query": [135, 0xFFFFFFFF],
    "personality linux32": [135, 0x8],
    "personality linux": [135, 0x0],
    "socket": [41, 2, 1, 0],
    "ptrace traceme": [101, 0],
    "getpid": [39],
    "chroot": [161],
}


@pytest.fixture
def python(box: Box) -> tuple[str, tuple[Bind, ...]]:
    """The interpreter of this test, shown in a container with its libraries."""
    (box.rootfs / "lib").symlink_to("usr/lib")
    (box.rootfs / "lib64").symlink_to("usr/lib64")
    prefixes = {sys.base_prefix, "/usr"}
    binds = tuple(Bind.of(Path(prefix), prefix, read_only=True) for prefix in sorted(prefixes))
    return f"{sys.base_prefix}/bin/python3", binds


def _ask(box: Box, python: tuple[str, tuple[Bind, ...]], calls: dict[str, list[int]], user: User) -> dict[str, int]:
    program, binds = python
    libraries = f"LD_LIBRARY_PATH={sys.base_prefix}/lib"
    ran = box.run(program, "-I", "-S", "-c", _ASK, json.dumps(calls), binds=binds, env=[libraries], user=user)
    assert ran.status == 0, ran
    return dict(json.loads(ran.out))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers above are those of x86-64")
def test_calls(box: Box, python: tuple[str, tuple[Bind, ...]]) -> None:
    calls = {**_DENIED, "clone3": [435], **_ALLOWED}
    answers = _ask(box, python, calls, User(0, 0))
    assert {name: answers[name] for name in _DENIED} == dict.fromkeys(_DENIED, errno.EPERM)
    assert answers["clone3"] == errno.ENOSYS
    assert {name: number for name in _ALLOWED if (number := answers[name]) == errno.EPERM} == {}


def test_every_rule_is_one_that_libseccomp_takes() -> None:
    profile = build_seccomp("x86_64")
    assert profile["defaultAction"] == "SCMP_ACT_ALLOW"
    assert all(rule["action"] == "SCMP_ACT_ERRNO" and rule["names"] for rule in profile["syscalls"])
    names = [name for rule in profile["syscalls"] for name in rule["names"] if not rule["args"]]
    assert len(names) == len(set(names))


def test_on_s390x_the_flags_of_clone_come_second() -> None:
    rules = build_seccomp("s390x")["syscalls"]
    assert {arg["index"] for rule in rules if rule["names"] == ["clone"] for arg in rule["args"]} == {1}


def test_an_unknown_machine_has_its_native_filter() -> None:
    assert build_seccomp("mips64")["architectures"] == []
