"""Running commands in a rootfs through an OCI runtime, with the isolation that Docker users take for granted.

Life cycle: :class:`ContainerSpec` → :meth:`Bundle.create` → :func:`missing_targets` → :meth:`Runtime.run` (or
``start``, ``exec`` and ``stop``) → :meth:`Bundle.remove`; a later commit leaves out :func:`removable_targets`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.lazy import loader

if TYPE_CHECKING:
    from layerctl.runtime.bundle import Bundle, remove_bundle
    from layerctl.runtime.capture import capturing
    from layerctl.runtime.cgroups import CgroupLayout, cgroup_layout
    from layerctl.runtime.container import Bind, ContainerSpec, Limits, Process, environment
    from layerctl.runtime.driver import ExecCall, Runtime, find_runtime
    from layerctl.runtime.foreground import Stdio
    from layerctl.runtime.ids import ContainerId
    from layerctl.runtime.inside import mode_inside
    from layerctl.runtime.network import Network
    from layerctl.runtime.result import RunResult
    from layerctl.runtime.spec import build_spec
    from layerctl.runtime.state import ContainerState, Status
    from layerctl.runtime.targets import Target, missing_targets, removable_targets
    from layerctl.runtime.user import ROOT, User, resolve_user

__getattr__ = loader(
    __name__,
    {
        "Bind": "container",
        "Bundle": "bundle",
        "CgroupLayout": "cgroups",
        "ContainerId": "ids",
        "ContainerSpec": "container",
        "ContainerState": "state",
        "ExecCall": "driver",
        "Limits": "container",
        "Network": "network",
        "Process": "container",
        "ROOT": "user",
        "RunResult": "result",
        "Runtime": "driver",
        "Status": "state",
        "Stdio": "foreground",
        "Target": "targets",
        "User": "user",
        "build_spec": "spec",
        "capturing": "capture",
        "cgroup_layout": "cgroups",
        "environment": "container",
        "find_runtime": "driver",
        "missing_targets": "targets",
        "mode_inside": "inside",
        "removable_targets": "targets",
        "remove_bundle": "bundle",
        "resolve_user": "user",
    },
)

__all__ = [
    "ROOT",
    "Bind",
    "Bundle",
    "CgroupLayout",
    "ContainerId",
    "ContainerSpec",
    "ContainerState",
    "ExecCall",
    "Limits",
    "Network",
    "Process",
    "RunResult",
    "Runtime",
    "Status",
    "Stdio",
    "Target",
    "User",
    "build_spec",
    "capturing",
    "cgroup_layout",
    "environment",
    "find_runtime",
    "missing_targets",
    "mode_inside",
    "removable_targets",
    "remove_bundle",
    "resolve_user",
]
