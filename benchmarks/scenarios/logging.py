"""How did it come about?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import payloads
from benchmarks.bench import Bench
from benchmarks.clock import Commands
from benchmarks.results import Row
from benchmarks.tools.tool import Ability, Tool


def log(bench: Bench) -> Iterator[Row]:
    """The history of an image of a few commits."""
    tools = bench.able(Ability.HISTORY)
    made = [payloads.make(bench.place / f"payloads/log{n}", payloads.one_file) for n in range(bench.sizes.log)]
    images = {}
    for tool in tools:
        tool.have_base()
        images[tool.name] = tool.chain(made)

    @contextmanager
    def trial(tool: Tool, run: int) -> Iterator[Commands]:
        yield tool.logging(images[tool.name])

    yield from bench.side_by_side("log", f"log of {bench.sizes.log} commits", tools, trial)
    if bench.layerctl:
        bench.layerctl.close("box")
