"""``python -m benchmarks``: measures, prints tables, and leaves JSON and a plot in ``build/bench``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console

from benchmarks import base_image, machine
from benchmarks.bench import Bench
from benchmarks.clock import BenchmarkFailed, running_clock
from benchmarks.document import document
from benchmarks.place import NoPlace, ignore_signals, workplace
from benchmarks.report import markdown, print_tables
from benchmarks.results import Report
from benchmarks.scenarios import SCENARIOS
from benchmarks.sizes import FULL, QUICK, Sizes
from benchmarks.tools import TOOLS
from benchmarks.tools.tool import Place, Tool

_ROOT = Path(__file__).resolve().parents[1]
#: Columns of tables where no terminal says how many there are, or too few.
_WIDTH = 140
_SPACE = 30 << 30
_QUICK_SPACE = 2 << 30


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 if everything was measured."""
    options = _parse(arguments)
    progress = Console(stderr=True)
    console = Console(width=options.width or max(_WIDTH, progress.width))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    if os.geteuid() != 0:
        progress.print("benchmarks: it starts daemons and mounts filesystems; run it as root")
        return 6
    report = None
    try:
        with _bench(options, progress) as (bench, report):
            for name in (name for name in SCENARIOS if name in (options.only or SCENARIOS)):
                report.rows.extend(SCENARIOS[name](bench))
    except (BenchmarkFailed, NoPlace, base_image.NoBaseImage) as failure:
        progress.print(f"benchmarks: {failure}", markup=False)
        return 1
    except KeyboardInterrupt as interrupt:
        progress.print("benchmarks: interrupted")
        return 128 + int(interrupt.args[0])
    finally:
        # What was measured before something went wrong is worth keeping.
        if report is not None and report.rows:
            _publish(report, options, console, progress)
    return 0 if all(row.values for row in report.rows) else 1


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Once: a second signal could hit what the first one set going, and subprocess is not made for that."""
    ignore_signals()
    raise KeyboardInterrupt(number)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="SCENARIO", nargs="+", choices=SCENARIOS, help=f"of {', '.join(SCENARIOS)}")
    parser.add_argument("--tools", metavar="TOOL", nargs="+", choices=TOOLS, help=f"of {', '.join(TOOLS)}")
    parser.add_argument("--runs", type=int, metavar="N", help="measurements of each (3; 1 with --quick)")
    parser.add_argument("--depth", type=int, metavar="N", help="of the longest history (10,000)")
    parser.add_argument("--quick", action="store_true", help="small sizes: whether it works, not how fast it is")
    parser.add_argument("--place", type=Path, metavar="DIR", help="a folder on the disk to measure on")
    parser.add_argument("--output", type=Path, metavar="DIR", default=_ROOT / "build/bench", help="for JSON and plot")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables as Markdown, too")
    parser.add_argument("--width", type=int, metavar="COLUMNS", help="of the tables; as the terminal by default")
    return parser.parse_args(arguments)


@contextmanager
def _bench(options: argparse.Namespace, progress: Console) -> Iterator[tuple[Bench, Report]]:
    """Everything that the scenarios need, taken down again whatever happens."""
    with ExitStack() as stack:
        started = datetime.now().astimezone().isoformat(timespec="seconds")
        base = None if options.quick else base_image.debian()
        place = stack.enter_context(workplace(options.place, _QUICK_SPACE if options.quick else _SPACE))
        home = place / "home"
        home.mkdir()
        env = machine.environment(home)
        base = base or base_image.busybox(place)
        tools = [_start(name, Place(place / name, base, env), stack) for name in options.tools or TOOLS]
        clock = stack.enter_context(running_clock(home, env))
        bench = Bench(
            place=place,
            clock=clock,
            tools=tools,
            sizes=_sizes(options),
            runs=options.runs or (1 if options.quick else 3),
            say=lambda text: progress.print(text, markup=False, highlight=False),
            base=base,
            env=env,
        )
        said = {"started": started, "runs": bench.runs, "quick": options.quick, "base": base.name}
        yield bench, Report(machine.facts(place), {tool.name: tool.version() for tool in tools}, said)


def _sizes(options: argparse.Namespace) -> Sizes:
    sizes = QUICK if options.quick else FULL
    return sizes.no_deeper_than(options.depth) if options.depth else sizes


def _start(name: str, place: Place, stack: ExitStack) -> Tool:
    place.top.mkdir()
    tool = TOOLS[name](place)
    stack.enter_context(tool.started())
    return tool


def _publish(report: Report, options: argparse.Namespace, console: Console, progress: Console) -> None:
    print_tables(console, report)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "results.json").write_text(document(report))
    if options.markdown:
        options.markdown.write_text(markdown(report))
    if find_spec("matplotlib") is None:
        progress.print("no plot: matplotlib is not installed")
        return
    for plot in import_module("benchmarks.plot").draw(report, options.output):
        progress.print(f"plot: {plot}", markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
