"""Global and shared options, and what is left alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from layerctl.cli.quick import split_at_dashes
from layerctl.errors import NotFound, UsageError
from layerctl.model.results import Diff
from layerctl.runtime import RunResult
from tests.unit.cli.conftest import Cli, FakeRepository
from tests.unit.cli.samples import changes, status


@pytest.mark.parametrize("words", [("--json", "status"), ("status", "--json")])
def test_json_before_and_after_the_verb(
    cli: Cli, repository: FakeRepository, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    repository.answers["status"] = status()
    assert cli(*words) == 0
    assert json.loads(capsys.readouterr().out)["branch"] == "main"


@pytest.mark.parametrize("words", [("-w", "x", "status"), ("status", "-w", "x"), ("status", "--worktree=x")])
def test_worktree_before_and_after_the_verb(cli: Cli, repository: FakeRepository, words: tuple[str, ...]) -> None:
    repository.answers |= {"status": status(head=None)}
    cli(*words)
    assert cli.session is not None
    assert cli.session.worktree == "x"


@pytest.mark.parametrize("words", [("-q", "diff"), ("diff", "-q"), ("diff", "--quiet")])
def test_quiet_before_and_after_the_verb(
    cli: Cli, repository: FakeRepository, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    repository.answers["diff"] = Diff(None, None, changes())
    assert cli(*words) == 1
    assert capsys.readouterr().out == ""


def test_shared_options_within_a_group(
    cli: Cli, repository: FakeRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.answers["list_worktrees"] = []
    for words in (("worktree", "--json", "list"), ("worktree", "list", "--json"), ("--json", "worktree", "list")):
        cli(*words)
        assert capsys.readouterr().out == "[]\n"


@pytest.mark.parametrize(
    ("words", "argv"),
    [
        (("run", "--", "cmd", "--json", "-q"), ("cmd", "--json", "-q")),
        (("run", "cmd", "--json", "-w", "x", "--", "y"), ("cmd", "--json", "-w", "x", "--", "y")),
        (("run", "-e", "A=b", "cmd", "-e", "C=d"), ("cmd", "-e", "C=d")),
        (("run", "--", "-x", "--help"), ("-x", "--help")),
        (("run",), ()),
    ],
)
def test_run_leaves_its_command_alone(
    cli: Cli, repository: FakeRepository, words: tuple[str, ...], argv: tuple[str, ...]
) -> None:
    repository.answers["run"] = RunResult(7)
    assert cli(*words) == 7
    (request,), _ = repository.arguments("run")
    assert request.argv == argv
    assert cli.session is not None
    assert not cli.session.out.json


def test_run_passes_variables_on(cli: Cli, repository: FakeRepository) -> None:
    repository.answers["run"] = RunResult(0)
    cli("run", "-e", "A=b", "-e", "HERE", "-e", "NOWHERE", "cmd", environment={"HERE": "x=y"})
    assert repository.arguments("run")[0][0].env == ("A=b", "HERE=x=y")


def test_a_secret_of_run_is_not_logged(cli: Cli, repository: FakeRepository) -> None:
    repository.answers["run"] = RunResult(0)
    cli("run", "-e", "TOKEN=secret", "cmd")
    assert cli.session is not None
    assert cli.session.command == "layerctl run"


def test_a_failed_run_has_the_status_and_a_hint(
    cli: Cli, repository: FakeRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.answers["run"] = RunResult(127, "no such\nfile")
    assert cli("run", "--no-tty", "cmd") == 127
    assert capsys.readouterr().err.startswith("hint: ")
    assert cli("run", "--tty", "cmd") == 127
    assert capsys.readouterr().err.startswith("layerctl: no such file\nhint: ")


def test_change_of_directory(
    cli: Cli, repository: FakeRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    repository.answers["status"] = status(head=None)
    cli("-C", str(tmp_path), "status")
    assert os.getcwd() == str(tmp_path)
    with pytest.raises(NotFound, match="missing"):
        cli("-C", "missing", "status")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("statsu",), "'statsu' is not a verb of layerctl"),
        (("worktree", "ad"), "'ad' is not a verb of layerctl worktree"),
        (("worktree",), "needs a verb: add, list, remove"),
    ],
)
def test_unknown_verbs(cli: Cli, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        cli(*words)


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--nope"),
        ("status", "extra"),
        ("import",),
        ("log", "-n", "x"),
        ("--color", "red", "log"),
        ("commit", "-m"),
    ],
)
def test_wrong_calls(cli: Cli, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        cli(*words)


def test_no_word_at_all_shows_the_help(cli: Cli, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli() == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Usage: layerctl" in captured.err


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help(cli: Cli, capsys: pytest.CaptureFixture[str], flag: str) -> None:
    assert cli("status", flag) == 0
    assert "Usage: layerctl status" in capsys.readouterr().out


def test_split_at_dashes() -> None:
    assert split_at_dashes(["a", "--", "b", "--"]) == (["a"], ["b", "--"])
    assert split_at_dashes(["a", "--"]) == (["a"], [])
    assert split_at_dashes(["a"]) == (["a"], None)
