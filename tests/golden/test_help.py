"""``--help`` of every verb, at 80 columns."""

from __future__ import annotations

from typing import Any

import pytest

from layerctl.cli.parsing import Subverbs
from layerctl.cli.typed import command_line
from layerctl.cli.verbs import VERBS
from tests.golden.compare import FOLDER, check

ABSENT = {"exec", "shell", "ps", "stop"}


def subverbs(verb: str) -> list[str]:
    command = command_line().get_command(None, verb)
    return command.list_commands(None) if isinstance(command, Subverbs) else []


PATHS = [[], *([verb] for verb in VERBS), *([verb, sub] for verb in VERBS for sub in subverbs(verb))]


def help_of(path: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    command: Any = command_line()
    ctx = command.context_class(command, info_name="layerctl", **command.context_settings)
    for name in path:
        command = command.get_command(ctx, name)
        ctx = command.context_class(command, info_name=name, parent=ctx)
    text: str = ctx.get_help()
    return text


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help(path: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = help_of(path, monkeypatch).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line != line.rstrip()] == []
    check(f"help/{'-'.join(['layerctl', *path])}", lines)


def test_no_help_is_left_of_a_verb_that_is_gone() -> None:
    assert {path.stem for path in (FOLDER / "help").iterdir()} == {"-".join(["layerctl", *path]) for path in PATHS}


def test_verbs_that_are_not_there_yet_are_not_mentioned(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not ABSENT & set(VERBS)
    first_words = {line.split()[0] for line in help_of([], monkeypatch).splitlines() if line.strip()}
    assert not ABSENT & first_words
    assert set(VERBS) <= first_words
