"""What the verbs print that get something back, and those about hooks, from fixed values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from layerctl.cli.commands import restore, revert, stash
from layerctl.cli.commands.bisect import bisect_lines
from layerctl.cli.render.log import LogFormat
from layerctl.cli.render.style import PLAIN, Style
from layerctl.cli.render.tables import hook_lines, hook_run_lines
from layerctl.model.hook import HookInfo, HookRun, HookState
from layerctl.model.recovery import BisectResult, RestoreResult, RevertResult, Stash, UnstashResult
from layerctl.model.results import Diff
from layerctl.values import replace
from tests.golden.compare import check
from tests.unit.cli.conftest import FakeRepository
from tests.unit.cli.samples import BASE, NOW, ONE, SIDE, TWO, changes, commit, history, layer

COLOR = Style(True)
REVERTED = RevertResult(ONE, TWO, "main", 'Revert "Install nginx"', layer(), 7, changes()[:5])
STASHES = [
    Stash("stash@{0}", commit(TWO, ONE, message="On main: half of 2.0\n\nmore")),
    Stash("stash@{1}", commit(ONE, BASE, message="WIP on side: 51de000 Try \033[1manother way", days=3)),
]
HOOKS = [
    HookInfo("pre-commit", "pre-commit", HookState.ACTIVE, "/r/hooks/pre-commit", "Look at everything"),
    HookInfo("pre-commit.secrets", "pre-commit", HookState.ACTIVE, "/r/hooks/pre-commit.d/secrets", "Refuse secrets"),
    HookInfo("commit-msg.subject", "commit-msg", HookState.SAMPLE, "/r/hooks/x.sample", "Hold subjects to a rule"),
    HookInfo("post-run", "post-run", HookState.NOT_EXECUTABLE, "/r/hooks/post-run", ""),
    HookInfo("pre-gc", "pre-gc", HookState.BROKEN, "/r/hooks/pre-gc", ""),
    HookInfo("precommit", None, HookState.UNKNOWN, "/r/hooks/precommit", "A slip \033[1mof the pen"),
]
RUNS = [
    HookRun("pre-commit", None, 0),
    HookRun("pre-commit.secrets", "refused (exit status 3)", 3),
    HookRun("pre-commit.slow", "took longer than 60 seconds and was ended", 124),
]
TESTING = BisectResult("testing", ONE, (TWO, ONE, SIDE, BASE), TWO, (BASE,), ())


def repository() -> Any:
    entry = history()[3]
    return FakeRepository({"log": [entry], "show": (entry, Diff(BASE, ONE, changes()))})


def bisect(result: BisectResult, style: Style = PLAIN) -> Iterable[str]:
    return bisect_lines(repository(), result, LogFormat(style, NOW), 80)


OUTPUTS: dict[str, Iterable[str]] = {
    "restore": restore.summary(RestoreResult(ONE, changes()), PLAIN),
    "restore-color": restore.summary(RestoreResult(ONE, changes()), COLOR),
    "restore-nothing": restore.summary(RestoreResult(ONE, ()), PLAIN),
    "revert": revert.summary(REVERTED, PLAIN),
    "revert-detached": revert.summary(replace(REVERTED, branch=None), PLAIN),
    "revert-uncommitted": revert.summary(replace(REVERTED, commit=None, layer=None), PLAIN),
    "stash-list": stash.stash_lines(STASHES, NOW, PLAIN),
    "stash-list-color": stash.stash_lines(STASHES, NOW, COLOR),
    "stash-pop": stash.summary(UnstashResult(ONE, True, 9, changes()), PLAIN),
    "stash-apply": stash.summary(UnstashResult(ONE, False, 9, changes()[:5]), PLAIN),
    "bisect-waiting": bisect(BisectResult("waiting", None, (), TWO, (), ())),
    "bisect-testing": bisect(TESTING),
    "bisect-found": bisect(replace(TESTING, state="found")),
    "bisect-found-color": bisect(replace(TESTING, state="found"), COLOR),
    "bisect-undecided": bisect(replace(TESTING, state="undecided", commit=None)),
    "hook-list": hook_lines(HOOKS, PLAIN),
    "hook-list-color": hook_lines(HOOKS, COLOR),
    "hook-run": hook_run_lines(RUNS, PLAIN),
    "hook-run-color": hook_run_lines(RUNS, COLOR),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_output(name: str) -> None:
    lines = list(OUTPUTS[name])
    assert [line for line in lines if line != line.rstrip()] == []
    assert [line for line in lines if "\033" in line and "color" not in name] == []
    check(f"output/{name}", lines)
