"""Long histories: does commit 10,000 cost what commit 10 costs?"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import quantiles

from benchmarks import lookups, payloads
from benchmarks.bench import Bench
from benchmarks.clock import BenchmarkFailed, Commands, Sample
from benchmarks.deep import DeepHistory
from benchmarks.results import Row, timed
from benchmarks.tools.docker import Docker
from benchmarks.tools.tool import BASE

_OURS = "layerctl"


def deep(bench: Bench) -> Iterator[Row]:
    """The verbs, and lookups in the rootfs, at growing depth of one history."""
    if (history := bench.deep_history()) is None:
        return
    rows: list[Row] = []
    for depth in (1, *bench.sizes.depths):
        bench.say(f"a history of {depth:,} commits")
        before = history.depth
        history.reach(depth)
        rows += [replace(row, group=_GROUP, at=depth, scenario="deep") for row in _at_depth(bench, history, before)]
    titles = list(dict.fromkeys(row.title for row in rows))
    yield from sorted(rows, key=lambda row: titles.index(row.title))


_GROUP = "A long history, by the number of commits"
_TO_MAIN = ["checkout", "main"]


def _at_depth(bench: Bench, history: DeepHistory, before: int) -> Iterator[Row]:
    yield from _growth(history, before)
    yield _verb(bench, history, "commit one file", ["commit", "-m", "x"], [["rollback", "--discard", "HEAD~1"]])
    yield _verb(bench, history, "rollback to the parent", ["rollback"], [["undo"], ["rollback", "--discard", "HEAD"]])
    yield _verb(bench, history, "checkout of the parent", ["checkout", "--detach", "HEAD~1"], [_TO_MAIN], clean=True)
    yield _verb(bench, history, "status", ["status"], [["rollback", "--discard", "HEAD"]])
    yield _verb(bench, history, "run true", ["run", "true"], [], clean=True)
    yield from _lookups(bench, history)
    yield Row("", "directories that are mounted", _OURS, "layers", (history.layers(),))


def _growth(history: DeepHistory, before: int) -> Iterator[Row]:
    """What the commits cost that led here from the depth measured before."""
    seconds = history.seconds[before : history.depth]
    sample = history.growths[history.depth]
    yield replace(
        timed("", "a commit on the way here, in one process: mean", _OURS, [sample]),
        values=(sum(seconds) / len(seconds),),
        cpu=(sample.cpu / len(seconds),),
    )
    slow = quantiles(seconds, n=100, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]
    yield Row("", "the same: slower than 99 of 100", _OURS, values=(slow,))
    yield Row("", "the same: the slowest", _OURS, values=(max(seconds),))


def _verb(
    bench: Bench,
    history: DeepHistory,
    title: str,
    verb: Sequence[str],
    afterwards: Sequence[Sequence[str]],
    *,
    clean: bool = False,
) -> Row:
    """Measures a verb, on a rootfs with one changed file unless it has to be clean."""
    samples = []
    for run in range(bench.runs):
        if not clean:
            (history.tool.rootfs / "srv/changed").write_text(f"{title} {run}\n")
        bench.settle()
        samples.append(bench.clock.measure([history.tool.argv(*verb)]))
        for command in afterwards:
            history.tool.layerctl(*command)
    return timed("", title, _OURS, samples)


def _lookups(bench: Bench, history: DeepHistory) -> Iterator[Row]:
    """What a program in the rootfs meets, on a mount that has looked nothing up yet."""
    root, listing = history.tool.rootfs, history.tool.top / "listing"
    bench.clock.measure([["find", root, "-xdev", "-mindepth", "1", "-printf", "%P\\0"]], stdout=str(listing))
    costs: dict[str, list[float]] = {}
    for _ in range(bench.runs):
        history.mount_anew()
        bench.settle()
        output = history.tool.top / "lookups.json"
        command = [sys.executable, "-I", "-S", lookups.__file__, str(root), str(listing)]
        bench.clock.measure([command], stdout=str(output))
        for title, cost in json.loads(output.read_text()).items():
            costs.setdefault(title, []).append(cost)
        output.unlink()
    listing.unlink()
    yield from (Row("", title, _OURS, values=tuple(values)) for title, values in costs.items())
    yield timed("", "find, all of the rootfs", _OURS, [_find(bench, history) for _ in range(bench.runs)])


def _find(bench: Bench, history: DeepHistory) -> Sample:
    history.mount_anew()
    bench.settle()
    return bench.clock.measure([["find", history.tool.rootfs, "-xdev"]])


def far_diff(bench: Bench) -> Iterator[Row]:
    """Two commits far apart are compared: what counts is what differs, not how far apart they are."""
    if (history := bench.deep_history()) is None:
        return
    history.reach(bench.sizes.far + 1)
    for distance in (1, *(far for far in bench.sizes.depths if far < bench.sizes.far), bench.sizes.far):
        bench.say(f"diff of two commits {distance:,} apart")
        for title, options in (("diff", []), ("diff --stat", ["--stat"])):
            samples = _samples(bench, [history.tool.argv("diff", f"HEAD~{distance}", "HEAD", *options)])
            yield timed("far-diff", title, _OURS, samples, group="Two commits compared, by the distance", at=distance)


def log_all(bench: Bench) -> Iterator[Row]:
    """The log of everything, by layerctl and by git, which reads the same commits."""
    if (history := bench.deep_history()) is None:
        return
    history.reach(bench.sizes.depths[-1])
    git = ["git", "--git-dir", str(history.tool.repository / ".layerctl/git"), "log"]
    everything = ["--exclude=refs/layerctl/*", "--all"]
    for options in ([], ["--oneline"], ["-n", "10"]):
        title = " ".join(["log --all", *options, f"({history.depth + 1:,} commits)"])
        bench.say(title)
        commands = {_OURS: history.tool.argv("log", "--all", *options), "git": [*git, *everything, *options]}
        samples: dict[str, list[Sample]] = {tool: [] for tool in commands}
        for _ in range(bench.runs):
            for tool, command in commands.items():
                samples[tool].append(bench.clock.measure([command]))
        yield from (timed("log-all", title, tool, found) for tool, found in samples.items())


def depth_limit(bench: Bench) -> Iterator[Row]:
    """How many commits can be made one on the other, a container started on each."""
    title = "commits on top of each other"
    history = bench.deep_history()
    if history is not None:
        history.reach(bench.sizes.depths[-1])
        yield Row("depth-limit", title, _OURS, "commits", (history.depth,), note="no limit was met")
    docker = next((tool for tool in bench.tools if isinstance(tool, Docker)), None)
    if docker is not None:
        count, reason = _docker_limit(bench, docker, bench.sizes.docker_limit)
        yield Row("depth-limit", title, docker.name, "commits", (count,), note=reason)


def _docker_limit(bench: Bench, docker: Docker, at_most: int) -> tuple[int, str]:
    """The number of commits that docker makes, and what it says to the next one."""
    docker.have_base()
    image, made = BASE, 0
    payload = bench.payload("limit", 0, payloads.one_file)
    try:
        while made < at_most:
            bench.say(f"docker: commit {made + 1}")
            docker.open("limit", image)
            docker.write("limit", payload)
            image = f"limit{made + 1}"
            docker.call(*docker.committing("limit", image)[0])
            docker.close("limit")
            made += 1
    except BenchmarkFailed as failure:
        docker.close("limit")
        return made, str(failure).rpartition("Error response from daemon: ")[2] or str(failure)
    return made, "no limit was met"


def _samples(bench: Bench, commands: Commands) -> list[Sample]:
    return [bench.clock.measure(commands) for _ in range(bench.runs)]
