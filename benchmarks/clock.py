"""The clock: runs commands as whole processes and says what they cost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.daemons import Daemons

#: Commands that belong together, one after the other; only their sum is of interest.
Commands = Sequence[Sequence[str | Path]]


class BenchmarkFailed(Exception):
    """A command that must succeed did not; the message says which, and what it said."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What commands cost once.

    Attributes:
        seconds: from before the first one starts until after the last one is reaped.
        cpu: seconds of processor time, user and system, of all their processes and of the daemons that serve them.
        rss: bytes of resident memory at the peak of the largest process.
        daemon_rss: the same of the daemons, added up; 0 without any.
    """

    seconds: float
    cpu: float
    rss: int
    daemon_rss: int = 0


class Clock:
    """Measures commands; see :func:`running_clock`.

    Args:
        spawner: the small process that starts them.
        place: where they run, and where what they say on stderr goes.
        env: their whole environment.
    """

    def __init__(self, spawner: subprocess.Popen[str], place: Path, env: Mapping[str, str]) -> None:
        self._spawner = spawner
        self._place = place
        self._env = dict(env)

    def measure(
        self, commands: Commands, *, daemons: Sequence[int] = (), cwd: Path | None = None, stdout: str = os.devnull
    ) -> Sample:
        """Runs the commands and waits for each.

        Raises:
            BenchmarkFailed: one ended with another status than 0.
        """
        errors = self._place / "stderr"
        errors.unlink(missing_ok=True)
        request = {
            "commands": [self._argv(command) for command in commands],
            "cwd": str(cwd or self._place),
            "env": self._env,
            "stdout": stdout,
            "stderr": str(errors),
        }
        watched = Daemons(daemons)
        answer = self._ask(request)
        daemon_cpu, daemon_rss = watched.cost()
        if answer["status"]:
            raise BenchmarkFailed(f"{answer['failed']} exited {answer['status']}: {_tail(errors)}")
        return Sample(answer["seconds"], answer["cpu"] + daemon_cpu, answer["rss"], daemon_rss)

    def _argv(self, command: Sequence[str | Path]) -> list[str]:
        program = shutil.which(command[0], path=self._env["PATH"])
        if program is None:
            raise BenchmarkFailed(f"there is no program {command[0]}")
        return [program, *map(str, command[1:])]

    def _ask(self, request: Mapping[str, object]) -> dict[str, Any]:
        assert self._spawner.stdin is not None and self._spawner.stdout is not None
        self._spawner.stdin.write(json.dumps(request) + "\n")
        self._spawner.stdin.flush()
        answer = self._spawner.stdout.readline()
        if not answer:
            raise BenchmarkFailed("the process that starts the commands has died")
        decoded: dict[str, Any] = json.loads(answer)
        return decoded


@contextmanager
def running_clock(place: Path, env: Mapping[str, str]) -> Iterator[Clock]:
    """Starts the spawner in a process group of its own, and ends it with whatever it still runs."""
    command = [sys.executable, "-I", "-S", Path(__file__).with_name("spawner.py")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, process_group=0, **pipes) as spawner:  # type: ignore[call-overload]
        try:
            yield Clock(spawner, place, env)
        finally:
            os.killpg(spawner.pid, signal.SIGTERM)


def _tail(errors: Path) -> str:
    return errors.read_text(errors="replace").strip()[-600:] if errors.exists() else ""
