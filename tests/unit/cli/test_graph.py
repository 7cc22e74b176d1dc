"""``log --graph``: what git draws for the same history."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layerctl.cli.render.graph import Graph

Dag = list[tuple[str, Sequence[str]]]


def draw(dag: Dag) -> list[str]:
    """As ``--oneline`` draws it: the rows with the commits' names."""
    graph = Graph()
    lines = []
    for commit, parents in dag:
        drawing = graph.draw(commit, parents)
        assert len({len(row) for row in (drawing.commit, drawing.padding, *drawing.after)}) == 1
        lines += [*drawing.before, drawing.commit + commit, *drawing.after]
    return [line.rstrip() for line in lines]


SHAPES: dict[str, Dag] = {
    "line": [("c", "b"), ("b", "a"), ("a", "")],
    "two roots": [("b", ""), ("a", "")],
    "fork": [("d", "b"), ("c", "b"), ("b", "a"), ("a", "")],
    "fork of three": [("d", "a"), ("c", "a"), ("b", "a"), ("a", "")],
    "merge": [("d", "cb"), ("c", "a"), ("b", "a"), ("a", "")],
    "merge of a merge": [("f", "ed"), ("e", "cb"), ("c", "a"), ("b", "a"), ("d", "a"), ("a", "")],
    "merge of main into side": [("d", "b"), ("c", "ab"), ("b", "a"), ("a", "")],
    "merge of the lane on the right": [("n", "m"), ("k", "s"), ("m", "as"), ("s", "a"), ("a", "")],
    "merge before a lane": [("n", "m"), ("k", "a"), ("m", "bs"), ("s", "b"), ("b", "a"), ("a", "")],
    "merges in a row": [
        ("e", "dz"),
        ("d", "cy"),
        ("c", "bx"),
        ("b", "a"),
        ("x", "a"),
        ("y", "a"),
        ("z", "a"),
        ("a", ""),
    ],
    "side that ends first": [("d", "b"), ("c", ""), ("b", "a"), ("a", "")],
    "far away": [("e", "b"), ("d", "a"), ("c", "b"), ("b", "a"), ("a", "")],
    "long side": [("e", "cd"), ("c", "a"), ("d", "b"), ("b", "a"), ("a", "")],
    "two merges": [("g", "fe"), ("f", "dc"), ("e", "c"), ("d", "b"), ("c", "b"), ("b", "a"), ("a", "")],
    "octopus": [("z", "y"), ("m", "abc"), ("y", "a"), ("a", ""), ("b", ""), ("c", "")],
    "octopus with lanes on its right": [
        ("x", "m"),
        ("y", "b"),
        ("m", "acd"),
        ("a", ""),
        ("b", ""),
        ("c", ""),
        ("d", ""),
    ],
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(tmp_path: Path, name: str) -> None:
    dag = SHAPES[name]
    assert draw(dag) == git_graph(tmp_path, dag)


def random_dag(seed: int) -> Dag:
    """Up to 25 commits, children before parents; now and then a root in between or an octopus merge."""
    chance = random.Random(seed)
    names = [f"c{number}" for number in range(chance.randrange(2, 25))]
    dag = []
    for index, name in enumerate(names):
        below = names[index + 1 : index + 7]
        wanted = chance.choices([0, 1, 2, 3, 5], [1, 12, 6, 1, 0.3])[0] if below else 0
        dag.append((name, chance.sample(below, min(len(below), wanted))))
    return dag


@pytest.mark.parametrize("seed", range(1000 if os.environ.get("LAYERCTL_SOAK") else 40))
def test_random_histories(tmp_path: Path, seed: int) -> None:
    dag = random_dag(seed)
    assert draw(dag) == git_graph(tmp_path, dag)


@st.composite
def dags(strategy: st.DrawFn) -> Dag:
    """Histories, children before parents."""
    count = strategy(st.integers(1, 9))
    names = [f"c{number}" for number in range(count)]
    dag = []
    for index, name in enumerate(names):
        below = names[index + 1 :]
        parents = strategy(st.lists(st.sampled_from(below), max_size=4, unique=True)) if below else []
        dag.append((name, parents))
    return dag


@settings(
    max_examples=300 if os.environ.get("LAYERCTL_SOAK") else 40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(dags())
def test_small_histories(tmp_path: Path, dag: Dag) -> None:
    assert draw(dag) == git_graph(tmp_path, dag)


def git_graph(folder: Path, dag: Dag) -> list[str]:
    """What git draws for the same history; commit dates keep the order."""
    repository = folder / f"g{len(list(folder.iterdir()))}"
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_DIR": str(repository)}

    def git(*args: str, data: str = "") -> str:
        return subprocess.run(["git", *args], env=env, check=True, capture_output=True, text=True, input=data).stdout

    git("init", "-q", "--bare", "--template=", str(repository))
    marks = {commit: number for number, (commit, _) in enumerate(reversed(dag), 1)}
    stream = []
    for commit, parents in reversed(dag):
        mark, words = marks[commit], [f":{marks[parent]}" for parent in parents]
        stream.append(f"commit refs/heads/{commit}\nmark :{mark}\ncommitter x <x> {1_000_000 + mark} +0000\n")
        stream.append(f"data <<.\n{commit}\n.\n")
        stream += [f"{'from' if number == 0 else 'merge'} {word}\n" for number, word in enumerate(words)]
        stream.append("deleteall\n\n")
    git("fast-import", "--quiet", data="".join(stream))
    shown = git("log", "--graph", "--format=%s", "--date-order", "--all")
    return [line.rstrip() for line in shown.splitlines()]


def test_colours_stay_with_their_column() -> None:
    painted: list[tuple[str, int]] = []

    def paint(text: str, color: int) -> str:
        painted.append((text, color))
        return text

    graph = Graph(paint)
    for commit, parents in SHAPES["merge"]:
        graph.draw(commit, parents)
    left = {color for text, color in painted if text == "|"}
    assert len(left) == 2
    assert {color for text, color in painted if text in "\\/"} <= left
