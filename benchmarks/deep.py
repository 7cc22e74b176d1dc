"""A repository with a long history, made once and used by all scenarios that need one."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.clock import Clock, Sample
from benchmarks.tools.layerctl import PROGRAM, Layerctl

_CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(slots=True)
class DeepHistory:
    """Grows when asked to.

    Attributes:
        tool: its repository.
        clock: measures how it grows.
        depth: commits above the base image, on main.
        seconds: what each commit took.
        growths: for each time that it grew: up to which depth, and what the whole process cost.
    """

    tool: Layerctl
    clock: Clock
    depth: int = 0
    seconds: list[float] = field(default_factory=list)
    growths: dict[int, Sample] = field(default_factory=dict)

    def reach(self, depth: int) -> None:
        """Adds commits until there are so many."""
        self.tool.have_base()
        if depth <= self.depth:
            return
        output = self.tool.top / "seconds.json"
        command = [sys.executable, "-m", "benchmarks.history", str(self.tool.repository), str(depth)]
        self.growths[depth] = self.clock.measure([command], cwd=_CHECKOUT, stdout=str(output))
        self.seconds += json.loads(output.read_text())
        output.unlink()
        self.depth = depth

    def mount_anew(self) -> None:
        """Gives the rootfs a mount that has looked nothing up yet."""
        self.tool.call("umount", self.tool.rootfs)
        self.tool.call(PROGRAM, "-C", self.tool.repository, "checkout")

    def layers(self) -> int:
        """How many directories the rootfs is mounted from."""
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        line = next(line for line in lines if f" {self.tool.rootfs} " in line)
        options = line.rpartition(" ")[2].split(",")
        return sum(option.startswith("lowerdir") * (1 + option.count(":")) for option in options)
