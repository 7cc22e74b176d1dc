"""A container's state as its runtime tells it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from layerctl.runtime.ids import ContainerId
from layerctl.values import frozen


class Status(Enum):
    """Source: OCI runtime-spec ``runtime.md``, "State"; ``paused`` is runc's and crun's own."""

    CREATING = "creating"
    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


@frozen
class ContainerState:
    """One container.

    Attributes:
        id: its name.
        status: what it is doing.
        pid: of its first process, as this machine counts; 0 once it has stopped.
        bundle: where it was started from.
        created: RFC 3339, as the runtime writes it.
    """

    id: ContainerId
    status: Status
    pid: int
    bundle: Path
    created: str

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> ContainerState:
        """From ``runc state`` or one item of ``runc list --format json``."""
        return cls(
            id=ContainerId(raw["id"]),
            status=Status(raw["status"]),
            pid=raw.get("pid") or 0,
            bundle=Path(raw["bundle"]),
            created=raw.get("created") or "",
        )

    @property
    def is_alive(self) -> bool:
        """Whether it has processes, running or frozen."""
        return self.status is not Status.STOPPED
