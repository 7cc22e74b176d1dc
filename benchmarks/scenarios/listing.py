"""What did the container change?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.bench import Bench
from benchmarks.clock import Commands
from benchmarks.results import Row
from benchmarks.scenarios.committing import DELETED, mixed, mixed_title
from benchmarks.tools.tool import BASE, Ability, Tool


def list_changes(bench: Bench) -> Iterator[Row]:
    """The first look at a write layer, and another one: some tools remember what they have seen."""
    yield from _listing(bench, "changes", "list", first=True)
    yield from _listing(bench, "changes", "list again", first=False)
    bench.forget_payload("changes")


def _listing(bench: Bench, scenario: str, words: str, *, first: bool) -> Iterator[Row]:
    @contextmanager
    def trial(tool: Tool, run: int) -> Iterator[Commands]:
        tool.have_base()
        with tool.box("box", BASE):
            tool.write("box", bench.payload("changes", run, mixed(bench), DELETED))
            if not first:
                for command in tool.listing("box"):
                    tool.call(*command)
            yield tool.listing("box")

    title = f"{words} the changes of {mixed_title(bench)}"
    return bench.side_by_side(scenario, title, bench.able(Ability.CHANGES), trial)
