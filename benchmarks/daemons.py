"""What daemons spend on behalf of a command, read from /proc."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


class Daemons:
    """Watches processes from now on.

    Args:
        pids: what to watch. Their peaks of memory are set back to what they use now (see proc_pid_clear_refs(5)).
    """

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = [*pids]
        self._before = self._cpu()
        for pid in self._pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def cost(self) -> tuple[float, int]:
        """Seconds of processor time since then, and the sum of their peaks in bytes."""
        return self._cpu() - self._before, sum(_peak(pid) for pid in self._pids)

    def _cpu(self) -> float:
        return sum(_cpu(pid) for pid in self._pids)


def descendants(pid: int) -> list[int]:
    """The process and its living descendants."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def _cpu(pid: int) -> float:
    """User and system time of a process and of its children that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def _peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
