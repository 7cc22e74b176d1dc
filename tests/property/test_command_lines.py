"""A command line that is read quickly is read as typer reads it, for every verb and option that is declared."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import pytest
import typer

from layerctl.cli import quick
from layerctl.cli.app import ROOT
from layerctl.cli.declare import App, Argument, Command, Option
from layerctl.cli.output import Output
from layerctl.cli.session import Session
from layerctl.cli.settings import Settings
from layerctl.cli.typed import command_line
from layerctl.cli.verbs import VERBS, module_of
from layerctl.errors import UsageError

Read = tuple[list[tuple[Command, dict[str, Any]]], list[str] | None, str | None]
Path = tuple[str, ...]

TRIES = 150
WORDS = (
    "main",
    "v1..main",
    "5",
    "0",
    "-",
    "",
    "a b",
    "stash@{1}",
    "--",
    "x=y",
    "/etc",
    "none",
    "bash",
    "²",
    "-5",
    "+3",
    " 7",
)
NUMBERS = ("5", "0", "12", "x", "-1")
ODD = ("--nope", "-h", "--help", "--json=1", "-qv", "-m=x", "--max-count", "-n", "-n5", "--version", "--js", "-", "---")


def leaves() -> Iterator[tuple[Path, Command, App]]:
    for name, verb in VERBS.items():
        app: App = import_module(module_of(verb)).app
        for sub, command in app.commands.items():
            yield (name,) if app.about is None else (name, sub), command, app


LEAVES = {path: (command, app) for path, command, app in leaves()}


def names(command: Command) -> list[tuple[str, Option]]:
    declared = [item.declared for item in command.parameters if isinstance(item.declared, Option)]
    return [(name, option) for option in declared for names in option.names for name in names.split("/")]


def options(command: Command, rng: random.Random) -> list[str]:
    """A few options, most of them well-formed."""
    found: list[str] = []
    known = [(name, option) for name, option in names(command) if name != "--version"]
    for name, option in rng.choices(known, k=rng.choice((0, 0, 1, 1, 2, 3))):
        if option.metavar is None:
            found.append(name)
        else:
            value = rng.choice(option.choices or (("5", "0", "x") if option.metavar == "N" else WORDS))
            found += [f"{name}={value}"] if name.startswith("--") and rng.random() < 0.4 else [name, value]
    return found


def command_lines(path: Path, rng: random.Random) -> list[str]:
    command, app = LEAVES[path]
    words = [*options(ROOT, rng), path[0]]
    if len(path) > 1:
        words += [*options(app.group, rng), path[1]]
    arguments = [item for item in command.own if isinstance(item.declared, Argument)]
    words_for = NUMBERS if any(item.is_number for item in arguments) else WORDS
    pieces = [[rng.choice(words_for)] for _ in range(rng.choice((len(arguments), len(arguments), 0, 1, 2, 3)))]
    pieces += [[word] for word in rng.choices(ODD, k=rng.choice((0, 0, 0, 1)))] + [options(command, rng)]
    rng.shuffle(pieces)
    return words + [word for piece in pieces for word in piece]


def by_typer(words: list[str]) -> Read | None:
    steps: list[tuple[Command, dict[str, Any]]] = []

    def note(command: Command, session: Session, values: Mapping[str, Any]) -> int:
        steps.append((command, dict(values)))
        return 0

    settings = Settings.from_environment({})
    session = Session(settings, tuple(words), Output(settings))
    group = command_line(note)
    try:
        with group.make_context("layerctl", list(words), obj=session) as ctx:
            group.invoke(ctx)
    except (UsageError, typer.TyperException, typer.Exit):
        return None
    return steps, session.paths, session.verb


def comparable(read: Read) -> Any:
    steps, paths, verb = read
    plain = [
        (command.function, {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()})
        for command, values in steps
    ]
    return plain, paths, verb


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_both_read_the_same(path: Path) -> None:
    rng = random.Random(" ".join(path))
    understood = 0
    for _ in range(TRIES):
        words = command_lines(path, rng)
        call = quick.read(ROOT, words)
        if call is None:
            continue
        understood += 1
        steps = [(step.command, step.values) for step in call.steps]
        expected = by_typer(words)
        assert expected is not None, words
        assert comparable((steps, call.steps[-1].paths, call.verb)) == comparable(expected), words
    assert understood > TRIES / 20


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_well_formed_ones_need_no_typer(path: Path) -> None:
    command, _ = LEAVES[path]
    arguments = [
        "3" if item.is_number else "x" for item in command.own if isinstance(item.declared, Argument) and item.required
    ]
    for name, option in [("", None), *names(command)]:
        value = [] if option is None or option.metavar is None else ["5" if option.metavar == "N" else "v"]
        if option is not None and option.choices:
            value = [option.choices[0]]
        for before in ([], ["--json"], ["-C", "/", "--color=never"]):
            words = [*before, *path, *([name] if name else []), *value, *arguments]
            assert quick.read(ROOT, words) is not None, words
