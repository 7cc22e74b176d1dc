"""What no tool that does the same can do without: the physical limit of this machine, in its simplest programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import payloads
from benchmarks.bench import Bench
from benchmarks.clock import Commands
from benchmarks.results import Row, timed

_NAME = "floor"
_DIGEST = """\
import sys, blake3
for path in sys.argv[1:]:
    blake3.blake3(max_threads=blake3.blake3.AUTO).update_mmap(path).digest()
"""
_DIGEST_TREE = """\
import os, sys, blake3
for top, _, names in os.walk(sys.argv[1]):
    for name in names:
        with open(os.path.join(top, name), "rb") as file:
            blake3.blake3(file.read()).digest()
"""


def floor(bench: Bench) -> Iterator[Row]:
    """The interpreter's start; unpacking, reading and digesting the data; making all of it durable."""
    python, sizes = sys.executable, bench.sizes
    yield _row(bench, "start of the Python interpreter", [[python, "-I", "-S", "-c", ""]])
    yield _row(bench, "the same, with the site's packages", [[python, "-c", ""]])
    target = bench.place / "unpacked"
    target.mkdir()
    unpack: Commands = [["tar", "-xf", str(bench.base), "-C", str(target)], ["sync", "-f", str(target)]]
    clean: Commands = [["rm", "-rf", str(target)], ["mkdir", str(target)]]
    yield _row(bench, "tar -x of the base image, and sync", unpack, clean)
    huge = payloads.make(bench.place / "payloads/huge", payloads.large_files(1, sizes.huge_bytes)).folder
    title = f"BLAKE3 of one file of {sizes.huge_bytes >> 20} MiB"
    yield _row(bench, title, [[python, "-c", _DIGEST, str(huge / "work/large000")]])
    small = payloads.make(bench.place / "payloads/small", payloads.small_files(sizes.very_many)).folder
    title = f"BLAKE3 of {sizes.very_many:,} small files, one after the other"
    yield _row(bench, title, [[python, "-c", _DIGEST_TREE, str(small / "work")]])
    yield _row(bench, "sync of a filesystem that has nothing to write", [["sync", "-f", str(bench.place)]])
    for folder in (target, huge, small):
        bench.call("rm", "-rf", Path(folder))


def _row(bench: Bench, title: str, commands: Commands, again: Commands = ()) -> Row:
    samples = []
    for _ in range(bench.runs):
        for command in again:
            bench.call(*command)
        bench.settle()
        samples.append(bench.clock.measure(commands))
    return timed(_NAME, title, "floor", samples)
