"""A write layer becomes an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import payloads
from benchmarks.bench import Bench
from benchmarks.clock import Commands
from benchmarks.results import Row
from benchmarks.tools.tool import BASE, Tool


def commit_one(bench: Bench) -> Iterator[Row]:
    """The smallest change."""
    return _commit(bench, "commit-one", "commit one 3-byte file", payloads.one_file)


def commit_mixed(bench: Bench) -> Iterator[Row]:
    """What an installation leaves behind: many small files, some large ones, something deleted."""
    title = f"commit {mixed_title(bench)}"
    return _commit(bench, "commit-mixed", title, mixed(bench), deleted=DELETED)


def commit_huge(bench: Bench) -> Iterator[Row]:
    """One large file."""
    size = bench.sizes.huge_bytes
    return _commit(bench, "commit-huge", f"commit one file of {size >> 20} MiB", payloads.large_files(1, size))


def commit_small(bench: Bench) -> Iterator[Row]:
    """Nothing but small files."""
    count = bench.sizes.very_many
    return _commit(bench, "commit-small", f"commit {count:,} small files", payloads.small_files(count))


#: The tree that the mixed write layer deletes.
DELETED = "usr/share/doc"


def mixed(bench: Bench) -> Callable[[Path], None]:
    """The mixed write layer."""
    sizes = bench.sizes
    return payloads.together(payloads.small_files(sizes.many), payloads.large_files(sizes.large, sizes.large_bytes))


def mixed_title(bench: Bench) -> str:
    """What is in it."""
    sizes = bench.sizes
    return f"{sizes.many:,} small files + {sizes.large} × {sizes.large_bytes >> 20} MiB + a deleted tree"


def _commit(bench: Bench, scenario: str, title: str, fill: Callable[[Path], None], deleted: str = "") -> Iterator[Row]:
    @contextmanager
    def trial(tool: Tool, run: int) -> Iterator[Commands]:
        tool.have_base()
        with tool.box("box", BASE, "committed"):
            tool.write("box", bench.payload(scenario, run, fill, deleted))
            yield tool.committing("box", "committed")

    yield from bench.side_by_side(scenario, title, bench.tools, trial)
    bench.forget_payload(scenario)
