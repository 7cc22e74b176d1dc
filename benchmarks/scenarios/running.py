"""Containers start, from an image and after a change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.bench import Bench
from benchmarks.clock import Commands
from benchmarks.results import Row
from benchmarks.scenarios.committing import DELETED, mixed, mixed_title
from benchmarks.tools.tool import BASE, Ability, Tool


def run_true(bench: Bench) -> Iterator[Row]:
    """The shortest life of a container: made, run, removed."""

    @contextmanager
    def trial(tool: Tool, run: int) -> Iterator[Commands]:
        tool.have_base()
        yield tool.running(BASE)

    return bench.side_by_side("run", "run true in a fresh container", bench.able(Ability.RUN), trial)


def back_to_clean(bench: Bench) -> Iterator[Row]:
    """An environment was broken; how long until one works in a clean one."""

    @contextmanager
    def trial(tool: Tool, run: int) -> Iterator[Commands]:
        tool.have_base()
        with tool.box("box", BASE):
            tool.write("box", bench.payload("back", run, mixed(bench), DELETED))
            yield tool.going_back("box", BASE)

    title = f"back from {mixed_title(bench)} to clean, then run true"
    yield from bench.side_by_side("back", title, bench.able(Ability.RUN), trial)
    bench.forget_payload("back")
