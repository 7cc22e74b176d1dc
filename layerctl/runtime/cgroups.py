"""Which cgroup hierarchies this machine has; layerctl leaves their use to the runtime."""

from __future__ import annotations

from enum import Enum
from pathlib import Path


class CgroupLayout(Enum):
    """How the hierarchies under ``/sys/fs/cgroup`` are mounted. crun refuses ``hybrid``; runc takes all."""

    NONE = "none"
    V1 = "v1"
    V2 = "v2"
    HYBRID = "hybrid"


def cgroup_layout(mounts: Path = Path("/proc/self/mounts")) -> CgroupLayout:
    """Reads the layout off the mount table of this process.

    Args:
        mounts: a file in the format of ``proc(5)``, ``/proc/pid/mounts``.
    """
    rows = (line.split() for line in mounts.read_text(errors="surrogateescape").splitlines())
    kinds = {row[2] for row in rows if row[1].startswith("/sys/fs/cgroup")}
    match "cgroup" in kinds, "cgroup2" in kinds:
        case True, True:
            return CgroupLayout.HYBRID
        case True, False:
            return CgroupLayout.V1
        case False, True:
            return CgroupLayout.V2
    return CgroupLayout.NONE


def has_cgroup_namespaces() -> bool:
    """Whether the kernel was built with them. Source: ``cgroup_namespaces(7)``."""
    return Path("/proc/self/ns/cgroup").exists()
