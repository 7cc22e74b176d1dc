"""What it ran on."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path


def facts(place: Path) -> dict[str, object]:
    """Processor, cores, memory, kernel, and the filesystem that held the data."""
    return {
        "cpu": _first("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": int(_first("/proc/meminfo", "MemTotal").split()[0]) * 1024,
        "kernel": platform.release(),
        "filesystem": _mount(place)[2],
        "mount_options": _mount(place)[3],
        "system": _system(),
        "python": platform.python_version(),
    }


def environment(home: Path) -> Mapping[str, str]:
    """The environment of every command: nothing of the caller's but where programs are."""
    return {
        "PATH": f"{os.environ['PATH']}:/usr/local/sbin:/usr/sbin:/sbin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TMPDIR": str(home),
        "LAYERCTL_AUTHOR_NAME": "Benchmark",
        "LAYERCTL_AUTHOR_EMAIL": "benchmark@example.org",
    }


def _first(path: str, key: str) -> str:
    lines = (line.partition(":") for line in Path(path).read_text().splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == key), "")


def _mount(place: Path) -> list[str]:
    """The line of proc_mounts(5) of the filesystem that holds the place: device, mount point, type, options."""
    lines = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    around = [line for line in lines if place.is_relative_to(line[1])]
    return max(around, key=lambda line: len(line[1]))


def _system() -> str:
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return release.get("PRETTY_NAME", "Linux").strip('"')
