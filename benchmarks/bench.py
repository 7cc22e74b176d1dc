"""One run of the benchmark: what every scenario works with."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import payloads
from benchmarks.clock import BenchmarkFailed, Clock, Commands, Sample
from benchmarks.deep import DeepHistory
from benchmarks.payloads import Payload
from benchmarks.results import Row, timed
from benchmarks.sizes import Sizes
from benchmarks.tools.layerctl import Layerctl
from benchmarks.tools.tool import Ability, Place, Tool

#: Prepares one tool for one run, gives the commands to measure, and cleans up after them.
Trial = Callable[[Tool, int], AbstractContextManager[Commands]]


@dataclass(slots=True)
class Bench:
    """What every scenario works with.

    Attributes:
        place: a folder on the disk that holds the tools' data.
        clock: measures.
        tools: the peers and layerctl, started.
        sizes: how much of everything.
        runs: how often each thing is measured.
        say: tells the user what is going on.
        base: the archive of the base image.
        env: the environment of all commands.
    """

    place: Path
    clock: Clock
    tools: Sequence[Tool]
    sizes: Sizes
    runs: int
    say: Callable[[str], None]
    base: Path
    env: Mapping[str, str]
    _deep: DeepHistory | None = None
    _payloads: dict[str, tuple[int, Payload]] = field(default_factory=dict)

    @property
    def layerctl(self) -> Layerctl | None:
        """The tool of that name, if it takes part."""
        return next((tool for tool in self.tools if isinstance(tool, Layerctl)), None)

    def payload(self, name: str, run: int, fill: Callable[[Path], None], deleted: str = "") -> Payload:
        """What all tools are given in this run; no two runs have the same content."""
        made = self._payloads.get(name)
        if made is None or made[0] != run:
            made = run, payloads.make(self.place / "payloads" / name, fill, deleted)
            self._payloads[name] = made
        return made[1]

    def forget_payload(self, name: str) -> None:
        """Frees the space of what the last run was given."""
        self._payloads.pop(name, None)
        subprocess.run(["rm", "-rf", self.place / "payloads" / name], check=True)

    def able(self, ability: Ability) -> list[Tool]:
        """The tools that can do it."""
        return [tool for tool in self.tools if ability in tool.abilities]

    def deep_history(self) -> DeepHistory | None:
        """The long history; None if layerctl does not take part."""
        if self._deep is None and self.layerctl is not None:
            top = self.place / "deep"
            top.mkdir()
            self._deep = DeepHistory(Layerctl(Place(top, self.base, self.env)), self.clock)
        return self._deep

    def call(self, *command: str | Path) -> None:
        """Runs a command that is not measured."""
        subprocess.run(command, env=dict(self.env), check=True, capture_output=True)

    def settle(self) -> None:
        """Brings everything written so far to the disk, so that nobody pays for another one's data."""
        subprocess.run(["sync", "-f", self.place], check=True)
        time.sleep(0.05)

    def side_by_side(self, scenario: str, title: str, tools: Sequence[Tool], trial: Trial) -> Iterator[Row]:
        """Measures the tools in turn, each run in another order, so that noise hits all of them."""
        samples: dict[str, list[Sample]] = {tool.name: [] for tool in tools}
        failures: dict[str, str] = {}
        for run in range(self.runs):
            for tool in [*tools[run % len(tools) :], *tools[: run % len(tools)]]:
                if tool.name not in failures:
                    self.say(f"{title}: {tool.name}, run {run + 1} of {self.runs}")
                    try:
                        samples[tool.name].append(self._measure(tool, run, trial))
                    except BenchmarkFailed as failure:
                        failures[tool.name] = str(failure)
        for tool in tools:
            yield timed(scenario, title, tool.name, samples[tool.name], note=failures.get(tool.name, ""))

    def _measure(self, tool: Tool, run: int, trial: Trial) -> Sample:
        with trial(tool, run) as commands:
            self.settle()
            return self.clock.measure(commands, daemons=tool.daemons())
