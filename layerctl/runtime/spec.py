"""The OCI runtime-spec document of a container, made by a pure function."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from layerctl.runtime import isolation
from layerctl.runtime.network import PRIVATE_SYSCTLS, Network
from layerctl.runtime.seccomp import build_seccomp

if TYPE_CHECKING:
    from layerctl.runtime.container import Bind, ContainerSpec, Limits, Process

_OCI_VERSION = "1.0.2"
_CPU_PERIOD = 100_000


def build_process(process: Process) -> dict[str, Any]:
    """The ``process`` object: OCI runtime-spec ``config.md``, "Process".

    ``noNewPrivileges`` stays false, as Docker's default: ``sudo`` and ``su`` are part of the root filesystems that
    people develop in. The bounding set and the filter hold for set-user-ID programs too. No ``rlimits``: the caller's
    are inherited, as a Docker container inherits the daemon's; raising a hard one fails without CAP_SYS_RESOURCE.
    """
    columns, rows = process.size or (0, 0)
    return {
        "terminal": process.tty,
        **({"consoleSize": {"height": rows, "width": columns}} if process.tty and process.size else {}),
        "user": {
            "uid": process.user.uid,
            "gid": process.user.gid,
            "additionalGids": list(process.user.groups),
        },
        "args": list(process.argv),
        "env": list(process.env),
        "cwd": process.cwd,
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), isolation.CAPABILITIES),
        "noNewPrivileges": False,
    }


def build_spec(
    spec: ContainerSpec, *, machine: str = os.uname().machine, cgroup_namespace: bool = True
) -> dict[str, Any]:
    """The whole ``config.json``: OCI runtime-spec ``config.md`` and ``config-linux.md``.

    Args:
        spec: the container.
        machine: as ``uname -m`` says.
        cgroup_namespace: whether the kernel has them.
    """
    return {
        "ociVersion": _OCI_VERSION,
        "root": {"path": str(spec.rootfs), "readonly": spec.read_only},
        "hostname": spec.host,
        "process": build_process(spec.process),
        "mounts": [*isolation.MOUNTS, *(_bind(bind) for bind in by_depth(spec.binds))],
        "linux": {
            "namespaces": [{"type": kind} for kind in _namespaces(spec.network, cgroup_namespace)],
            "cgroupsPath": f"/layerctl/{spec.id}",
            "resources": _resources(spec.limits),
            "sysctl": PRIVATE_SYSCTLS if spec.network is Network.NONE else {},
            "seccomp": build_seccomp(machine),
            "maskedPaths": isolation.MASKED_PATHS,
            "readonlyPaths": isolation.READONLY_PATHS,
        },
    }


def by_depth(binds: Iterable[Bind]) -> list[Bind]:
    """The order of mounting: a bind below another one comes after it."""
    return sorted(binds, key=lambda bind: bind.destination.rstrip("/").count("/"))


def _namespaces(network: Network, cgroup: bool) -> list[str]:
    own_network = ["network"] if network is Network.NONE else []
    return [*isolation.NAMESPACES, *own_network, *(["cgroup"] if cgroup else [])]


def _bind(bind: Bind) -> dict[str, Any]:
    """``rro`` only for directories: crun 1.8 refuses it on a file, which has nothing below it anyway."""
    access = ["rw"] if not bind.read_only else ["ro", "rro"] if bind.is_dir else ["ro"]
    return {
        "destination": bind.destination,
        "source": str(bind.source),
        "type": "bind",
        "options": ["rbind", "rprivate", *access],
    }


def _resources(limits: Limits) -> dict[str, Any]:
    """OCI runtime-spec ``config-linux.md``, "Control groups"."""
    resources: dict[str, Any] = {"devices": isolation.DEVICE_RULES}
    if limits.memory is not None:
        resources["memory"] = {"limit": limits.memory}
    if limits.cpus is not None:
        resources["cpu"] = {"period": _CPU_PERIOD, "quota": max(1000, round(limits.cpus * _CPU_PERIOD))}
    if limits.pids is not None:
        resources["pids"] = {"limit": limits.pids}
    return resources
