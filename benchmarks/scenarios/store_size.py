"""What history costs on the disk."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks import day, payloads
from benchmarks.bench import Bench
from benchmarks.clock import Sample
from benchmarks.results import Row, timed
from benchmarks.tools.layerctl import Layerctl
from benchmarks.tools.tool import BASE, Ability, Tool

_NAME = "day"


def store_size(bench: Bench) -> Iterator[Row]:
    """The commits of a day: how much the store grows over what the base image takes, and what a commit costs."""
    tools = bench.able(Ability.HISTORY)
    count = bench.sizes.days
    before = {tool.name: _base_size(bench, tool) for tool in tools}
    samples: dict[str, list[Sample]] = {tool.name: [] for tool in tools}
    written = 0
    images = {tool.name: BASE for tool in tools}
    for number, step in enumerate(day.steps(count)):
        bench.say(f"commit {number + 1} of {count} of the day")
        written += sum(map(len, step.written.values()))
        payload = payloads.make(bench.place / "payloads" / _NAME, step.fill, "\n".join(step.deleted))
        for tool in tools:
            tool.open("day", images[tool.name])
            tool.write("day", payload)
            images[tool.name] = f"day{number}"
            bench.settle()
            commands = tool.committing("day", images[tool.name])
            samples[tool.name].append(bench.clock.measure(commands, daemons=tool.daemons()))
            tool.leave("day")
    note = f"the changes alone are {written / 1e6:.1f} MB of files"
    for tool in tools:
        grown = _size(bench, tool) - before[tool.name]
        title = f"{count} commits of a day: growth of the store"
        yield Row(_NAME, title, tool.name, "bytes", (grown,), note=note if tool is tools[0] else "")
    for tool in tools:
        yield timed(_NAME, f"{count} commits of a day: one commit", tool.name, samples[tool.name])
    if bench.layerctl:
        yield from _packed(bench, bench.layerctl, count, before[bench.layerctl.name])
        bench.layerctl.close("day")


def _packed(bench: Bench, layerctl: Layerctl, count: int, before: int) -> Iterator[Row]:
    """What is left when its Git objects, a file each until then, are in one pack; nothing is lost by that."""
    cost = bench.clock.measure([layerctl.argv("gc")])
    grown = _size(bench, layerctl) - before
    yield Row(_NAME, f"{count} commits of a day: growth of the store, after gc", layerctl.name, "bytes", (grown,))
    yield timed(_NAME, f"{count} commits of a day: gc", layerctl.name, [cost])


def _base_size(bench: Bench, tool: Tool) -> int:
    tool.have_base()
    return _size(bench, tool)


def _size(bench: Bench, tool: Tool) -> int:
    """Bytes of disk below the tool's folder, with what it keeps beside images, and without what is mounted there."""
    bench.settle()
    store: Path = tool.repository / ".layerctl" if isinstance(tool, Layerctl) else tool.top
    command = ["du", "--one-file-system", "--summarize", "--block-size=1", str(store)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0])
