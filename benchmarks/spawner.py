"""Runs commands and measures them, in a process of its own, which must stay small. Standard library only.

A child's peak memory, as the kernel counts it, begins at that of the process that started it: a large benchmark program
would be seen in every small figure. Each line on stdin is a JSON request, each line on stdout its answer.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # not at run time: it takes memory
    from typing import Any

_DEFAULTS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE]


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """Runs commands one after the other until one fails; of memory, the largest peak counts."""
    os.chdir(request["cwd"])
    total: dict[str, Any] = {"seconds": 0.0, "cpu": 0.0, "rss": 0, "status": 0, "failed": None}
    for command in request["commands"]:
        start = time.perf_counter()
        child = os.posix_spawn(
            command[0], command, request["env"], file_actions=_streams(request), setsigdef=_DEFAULTS, setsigmask=[]
        )
        _, status, usage = os.wait4(child, 0)
        total["seconds"] += time.perf_counter() - start
        total["cpu"] += usage.ru_utime + usage.ru_stime
        total["rss"] = max(total["rss"], usage.ru_maxrss * 1024)
        if status:
            return {**total, "status": os.waitstatus_to_exitcode(status), "failed": command}
    return total


def _streams(request: dict[str, Any]) -> list[tuple[Any, ...]]:
    log = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, request["stdout"], log, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, request["stderr"], log, 0o600),
    ]


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(measure(json.loads(line))), flush=True)
