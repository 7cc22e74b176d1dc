"""``log --graph``."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerctl.cli.render.graph import Drawing, Graph

Dag = list[tuple[str, Sequence[str]]]


def draw(dag: Dag) -> list[str]:
    """As ``--oneline`` draws it: the rows with the commits' names."""
    graph = Graph()
    lines = []
    for commit, parents in dag:
        drawing = graph.draw(commit, parents)
        lines += [*drawing.before, drawing.commit + commit, *drawing.after]
    return [line.rstrip() for line in lines]


SHAPES: dict[str, Dag] = {
    "line": [("c", "b"), ("b", "a"), ("a", "")],
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
}


@pytest.mark.parametrize("name", SHAPES)
def test_as_git_draws_it(tmp_path: Path, name: str) -> None:
    dag = SHAPES[name]
    assert draw(dag) == git_graph(tmp_path, dag)


def git_graph(folder: Path, dag: Dag) -> list[str]:
    """What git draws for the same history; commit dates keep the order."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_DIR": str(folder / "g")}
    env |= {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

    def git(*args: str, date: int = 0) -> str:
        dated = {**env, "GIT_COMMITTER_DATE": f"@{1_000_000 + date} +0000", "GIT_AUTHOR_DATE": "@0 +0000"}
        return subprocess.run(["git", *args], env=dated, check=True, capture_output=True, text=True, input="").stdout

    git("init", "-q", "--bare", str(folder / "g"))
    tree = git("mktree").strip()
    ids: dict[str, str] = {}
    for age, (commit, parents) in enumerate(reversed(dag)):
        words = [word for parent in parents for word in ("-p", ids[parent])]
        ids[commit] = git("commit-tree", tree, "-m", commit, *words, date=age).strip()
        git("update-ref", f"refs/heads/{commit}", ids[commit])
    shown = git("log", "--graph", "--format=%s", "--topo-order", "--all", "--date-order")
    return [line.rstrip() for line in shown.splitlines()]


def test_octopus() -> None:
    assert draw([("z", "y"), ("m", "abc"), ("y", "a"), ("a", ""), ("b", ""), ("c", "")]) == [
        "* z",
        "| *-.   m",
        "| |\\ \\",
        "* | | | y",
        "|/ / /",
        "* / / a",
        " / /",
        "* / b",
        " /",
        "* c",
    ]


def test_an_octopus_makes_room_on_its_right() -> None:
    graph = Graph()
    graph.draw("x", ["m"])
    graph.draw("y", ["b"])
    drawing = graph.draw("m", ["a", "c", "d"])
    assert drawing == Drawing(("|  \\",), "*-. |   ", ("|\\ \\ \\  ",), "| | | | ")


def test_two_roots() -> None:
    assert draw([("b", ""), ("a", "")]) == ["* b", "* a"]


@st.composite
def dags(strategy: st.DrawFn) -> Dag:
    """Histories, children before parents."""
    count = strategy(st.integers(1, 12))
    names = [f"c{number}" for number in range(count)]
    dag = []
    for index, name in enumerate(names):
        below = names[index + 1 :]
        parents = strategy(st.lists(st.sampled_from(below), max_size=3, unique=True)) if below else []
        dag.append((name, parents))
    return dag


@given(dags())
def test_every_parent_can_be_reached_along_the_lines(dag: Dag) -> None:
    graph = Graph()
    rows: list[str] = []
    where: dict[str, tuple[int, int]] = {}
    for commit, parents in dag:
        drawing = graph.draw(commit, parents)
        assert len({len(row) for row in (drawing.commit, drawing.padding, *drawing.after)}) == 1
        rows += drawing.before
        where[commit] = (len(rows), drawing.commit.index("*"))
        rows += [drawing.commit, *drawing.after]
    for commit, parents in dag:
        assert set(parents) <= reachable(rows, where, commit)


def reachable(rows: list[str], where: dict[str, tuple[int, int]], commit: str) -> set[str]:
    """Commits at the ends of the lines that lead down from one."""
    row, column = where[commit]
    names = {place: name for name, place in where.items()}
    ends = {column + offset for offset in arms(rows[row], column)}
    found = set()
    for index in range(row + 1, len(rows)):
        following = set()
        for position in ends:
            following |= step(rows[index], position)
        found |= {names[(index, position)] for position in following if (index, position) in names}
        ends = {position for position in following if (index, position) not in names}
    return found


def arms(row: str, column: int) -> list[int]:
    """Where lines leave a commit: below it, and below the dashes of an octopus."""
    width = len(row[column + 1 :]) - len(row[column + 1 :].lstrip("-."))
    return list(range(0, width + 1, 2))


def step(row: str, position: int) -> set[int]:
    """Lanes that a lane leads to in one row."""
    cells = {
        offset: row[position + offset : position + offset + 1] if position + offset >= 0 else ""
        for offset in (-1, 0, 1)
    }
    found = {position} if cells[0] in ("|", "*", "/", "\\") and cells[0] else set()
    found |= {position - 2} if cells[-1] == "/" else set()
    found |= {position + 2} if cells[1] == "\\" else set()
    return found
