"""Streams, colours, the pager and the progress bar."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from layerctl.cli.output import Output
from layerctl.cli.pager import Pager
from layerctl.cli.render.bar import Bar
from layerctl.cli.render.progress import INTERVAL, PATIENCE, ProgressBar
from layerctl.cli.settings import Settings


def output(**environment: str) -> Output:
    return Output(Settings.from_environment(environment))


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it in the test: pytest puts its own streams back before the test begins."""

    def pretend() -> None:
        for name in ("stdout", "stderr"):
            stream = Terminal(io.BytesIO(), encoding="utf-8", errors="surrogateescape")
            monkeypatch.setattr(sys, name, stream)

    return pretend


def test_colors_on_a_terminal(pretend: Callable[[], None]) -> None:
    pretend()
    assert output().style.enabled
    assert not output(NO_COLOR="1").style.enabled


@pytest.mark.parametrize(("when", "enabled"), [("auto", False), ("always", True), ("never", False)])
def test_colors_elsewhere(when: str, enabled: bool) -> None:
    out = output(NO_COLOR="1")
    out.color = when
    assert out.style.enabled == enabled


def test_notes_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    out = output()
    out.note("a")
    out.quiet = True
    out.note("b")
    out.warn("c\033[1m")
    out.quiet, out.json = False, True
    out.note("d")
    assert capsys.readouterr() == ("", "a\nwarning: c?[1m\n")


def test_hooks_are_labelled(capsys: pytest.CaptureFixture[str]) -> None:
    output().hook("pre-commit", "one\ntwo\033[2J\n")
    assert capsys.readouterr().err == "pre-commit: one\npre-commit: two?[2J\n"


def test_a_document_is_one_line_of_utf8(capsys: pytest.CaptureFixture[str]) -> None:
    output().document({"a": "caf\u00e9\udcff"})
    out = capsys.readouterr().out
    assert out == '{"a": "caf\u00e9\ufffd"}\n'
    assert json.loads(out)


def test_long_output_goes_through_the_pager(tmp_path: Path, pretend: Callable[[], None]) -> None:
    pretend()
    out = output(LAYERCTL_PAGER=f"tr a-z A-Z > '{tmp_path}/paged'", PATH=os.environ["PATH"])
    out.page(["one", "two\udcff"])
    assert (tmp_path / "paged").read_bytes() == b"ONE\nTWO\xff\n"


def test_no_pager_on_a_pipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output(LAYERCTL_PAGER=f"cat > '{tmp_path}/paged'").page(["one"])
    assert capsys.readouterr().out == "one\n"
    assert not (tmp_path / "paged").exists()


def test_a_pager_that_ends_early_is_no_error() -> None:
    with Pager("true", dict(os.environ)) as pager:
        for _ in range(100_000):
            pager.write("line\n")
        raise AssertionError("unreachable")


def test_other_errors_pass_the_pager() -> None:
    with pytest.raises(ZeroDivisionError), Pager("cat > /dev/null", dict(os.environ)):
        raise ZeroDivisionError


class FakeBar:
    def __init__(self) -> None:
        self.shown: list[tuple[str, int, int | None]] = []
        self.hidden = 0

    def show(self, stage: str, done: int, total: int | None) -> None:
        self.shown.append((stage, done, total))

    def hide(self) -> None:
        self.hidden += 1


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bars() -> list[FakeBar]:
    return []


@pytest.fixture
def progress(clock: Clock, bars: list[FakeBar]) -> ProgressBar:
    def new_bar() -> Any:
        bars.append(FakeBar())
        return bars[-1]

    return ProgressBar(new_bar, clock)


def test_short_work_shows_nothing(progress: ProgressBar, clock: Clock, bars: list[FakeBar]) -> None:
    progress("hashing", 1, 9)
    clock.now += PATIENCE / 2
    progress("hashing", 9, 9)
    progress.hide()
    assert bars == []


def test_long_work_shows_a_bar_not_too_often(progress: ProgressBar, clock: Clock, bars: list[FakeBar]) -> None:
    clock.now += PATIENCE * 2
    progress("hashing", 1, 9)
    progress("hashing", 2, 9)
    clock.now += INTERVAL * 2
    progress("hashing", 3, 9)
    progress("linking", 0, None)
    assert [bar.shown for bar in bars] == [[("hashing", 1, 9), ("hashing", 3, 9), ("linking", 0, None)]]


def test_other_output_takes_the_bar_away(
    progress: ProgressBar, clock: Clock, bars: list[FakeBar], capsys: pytest.CaptureFixture[str]
) -> None:
    clock.now += PATIENCE * 2
    progress("hashing", 1, 9)
    out = output()
    out._bar = progress
    out.line("x")
    out.line("y")
    progress("hashing", 1, 9)
    assert [bar.hidden for bar in bars] == [1]
    clock.now += INTERVAL * 2
    progress("hashing", 2, 9)
    assert len(bars) == 2


def test_the_bar_goes_away_without_a_trace() -> None:
    with open(os.devnull, "w") as devnull:
        console = Console(force_terminal=True, width=60, color_system=None, file=devnull, record=True)
        bar = Bar(console)
        bar.show("hashing [1]", 50, 100)
        bar.show("linking", 1, None)
        text = console.export_text(clear=False)
        bar.hide()
    assert "hashing [1]" in text
    assert "50%" in text
    assert "linking" in text


@pytest.mark.parametrize(
    ("change", "shows"),
    [
        (lambda out: None, True),
        (lambda out: setattr(out, "quiet", True), False),
        (lambda out: setattr(out, "json", True), False),
    ],
)
def test_progress_is_for_people_at_a_terminal(
    pretend: Callable[[], None], change: Callable[[Output], None], shows: bool
) -> None:
    pretend()
    out = output()
    change(out)
    assert out.shows_progress == shows


def test_no_progress_on_a_pipe() -> None:
    assert not output().shows_progress


def test_control_characters_of_a_container_do_not_reach_a_terminal(pretend: Callable[[], None]) -> None:
    """Colours that layerctl makes stay; what could retitle, move the cursor or answer does not get through."""
    pretend()
    output(PAGER="").page(["\033[1m+\033[0m\033]0;title\a\033[2J\x9b6n\r\tend"])
    sys.stdout.flush()
    assert sys.stdout.buffer.getvalue() == b"\033[1m+\033[0m?]0;title??[2J?6n?\tend\n"  # type: ignore[attr-defined]


def test_a_pipe_gets_every_byte(capsys: pytest.CaptureFixture[str]) -> None:
    output().page(["\033]0;title\a\r"])
    assert capsys.readouterr().out == "\033]0;title\a\r\n"
