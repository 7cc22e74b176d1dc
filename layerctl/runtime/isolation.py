"""What every container gets, whatever it runs: Docker's defaults, as constants of the OCI runtime-spec.

Sources: OCI runtime-spec ``config.md`` ("Mounts") and ``config-linux.md`` ("Default Filesystems", "Devices", "Masked
Paths"); moby ``oci/defaults.go`` and ``oci/caps/defaults.go``.
"""

from __future__ import annotations

from typing import Any

#: Bounding, effective and permitted. Never inheritable or ambient: programs with file capabilities would get more than
#: an unprivileged user should (CVE-2022-24769).
CAPABILITIES = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
]

NAMESPACES = ["mount", "pid", "ipc", "uts"]

MASKED_PATHS = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
]

READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def _mount(destination: str, kind: str, source: str, *options: str) -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source, "options": ["nosuid", *options]}


MOUNTS = [
    _mount("/proc", "proc", "proc", "noexec", "nodev"),
    _mount("/dev", "tmpfs", "tmpfs", "strictatime", "mode=755", "size=65536k"),
    _mount("/dev/pts", "devpts", "devpts", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
    _mount("/dev/shm", "tmpfs", "shm", "noexec", "nodev", "mode=1777", "size=65536k"),
    _mount("/dev/mqueue", "mqueue", "mqueue", "noexec", "nodev"),
    _mount("/sys", "sysfs", "sysfs", "noexec", "nodev", "ro"),
    _mount("/sys/fs/cgroup", "cgroup", "cgroup", "noexec", "nodev", "relatime", "ro"),
]


def _device(kind: str, major: int | None, minor: int | None, access: str) -> dict[str, Any]:
    numbers = {"major": major, "minor": minor}
    return {"allow": True, "type": kind, "access": access} | {k: v for k, v in numbers.items() if v is not None}


#: Nothing, but: making any node (using it is another matter), null zero full random urandom tty console ptmx pts.
DEVICE_RULES = [
    {"allow": False, "access": "rwm"},
    _device("c", None, None, "m"),
    _device("b", None, None, "m"),
    *(_device("c", 1, minor, "rwm") for minor in (3, 5, 7, 8, 9)),
    *(_device("c", 5, minor, "rwm") for minor in (0, 1, 2)),
    _device("c", 136, None, "rwm"),
]
