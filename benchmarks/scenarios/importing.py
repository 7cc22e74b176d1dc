"""A base image comes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.bench import Bench
from benchmarks.clock import Commands
from benchmarks.results import Row
from benchmarks.tools.tool import BASE, Tool


def import_base(bench: Bench) -> Iterator[Row]:
    """The archive of the base image becomes an image that containers can stand on; nothing of it was there before."""

    @contextmanager
    def trial(tool: Tool, run: int) -> Iterator[Commands]:
        tool.clear()
        yield tool.importing(BASE)
        tool.imported()

    return bench.side_by_side("import", f"import {bench.base.stem} ({_size(bench)} MB)", bench.tools, trial)


def _size(bench: Bench) -> int:
    return round(bench.base.stat().st_size / 1e6)
