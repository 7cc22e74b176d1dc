"""After Ctrl-C."""

from __future__ import annotations

import signal
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from layerctl.cli import main
from layerctl.cli.interrupt import after_interrupt
from layerctl.cli.output import Output
from layerctl.cli.process import Terminated, exit_status
from layerctl.cli.session import Session
from layerctl.cli.settings import Settings
from layerctl.errors import Busy
from layerctl.model.operation import Operation
from tests.unit.cli.conftest import FakeRepository

COMMAND = ("commit", "-m", "all of it")


def session(verb: str) -> Session:
    settings = Settings.from_environment({})
    return Session(settings, COMMAND, Output(settings), verb=verb)


def operation(description: str, later: float) -> Operation:
    """One made so many seconds after now."""
    date = datetime.fromtimestamp(time.time(), UTC).replace(microsecond=0) + timedelta(seconds=later)
    return Operation(7, date, "a", "commit", description, ())


@pytest.mark.parametrize(
    ("newest", "said"),
    [
        (None, "nothing was changed"),
        (("layerctl tag x", 0), "nothing was changed"),
        (("layerctl commit -m 'all of it'", -3600), "nothing was changed"),
        (("layerctl commit -m 'all of it'", 60), "operation 7 was complete"),
    ],
)
def test_what_became_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], newest: tuple[str, float] | None, said: str
) -> None:
    repository = FakeRepository({"operations": iter([operation(*newest)] if newest else [])})
    monkeypatch.setattr(Session, "repository", lambda self, progress: repository)
    after_interrupt(session("commit"))
    assert said in capsys.readouterr().err


def test_an_undo_is_called_after_what_it_takes_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    undo = Operation(8, later, "a", "undo", "undo: layerctl commit -m x", (), undoes=7)
    monkeypatch.setattr(Session, "repository", lambda self, progress: FakeRepository({"operations": iter([undo])}))
    after_interrupt(session("undo"))
    assert "operation 8 was complete" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["log", "status", "run", None])
def test_nothing_is_said_where_nothing_can_be_told(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    after_interrupt(session(verb))
    assert capsys.readouterr() == ("", "")


def test_a_repository_that_cannot_be_opened_is_no_matter(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Session, "repository", lambda self, progress: FakeRepository({"operations": Busy("no")}))
    after_interrupt(session("commit"))
    assert capsys.readouterr() == ("", "")


def test_exit_statuses() -> None:
    assert exit_status(KeyboardInterrupt()) == 130
    assert exit_status(Terminated(signal.SIGTERM)) == 143


def test_an_interrupt_while_modules_load_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupting:
        def find_spec(self, name: str, path: object, target: object = None) -> None:
            if name == "layerctl.cli.command_line":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "layerctl.cli.command_line", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    assert main(["log"]) == 130
    assert capsys.readouterr() == ("", "")
