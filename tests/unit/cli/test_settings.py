"""The environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerctl.cli.output import Output
from layerctl.cli.session import Session
from layerctl.cli.settings import Settings
from layerctl.errors import RepositoryNotFound
from layerctl.model.commit import Author


def session(environment: dict[str, str], repo: str | None = None) -> Session:
    settings = Settings.from_environment(environment)
    return Session(settings, (), Output(settings), repo=repo)


@pytest.mark.parametrize(
    ("environment", "pager"),
    [
        ({}, "less"),
        ({"PAGER": "more"}, "more"),
        ({"PAGER": "more", "GIT_PAGER": "most"}, "most"),
        ({"GIT_PAGER": "most", "LAYERCTL_PAGER": "bat -p"}, "bat -p"),
        ({"PAGER": "more", "LAYERCTL_PAGER": ""}, ""),
        ({"PAGER": "cat"}, ""),
    ],
)
def test_pager(environment: dict[str, str], pager: str) -> None:
    assert Settings.from_environment(environment).pager == pager


def test_less_is_told_what_git_tells_it() -> None:
    assert Settings.from_environment({}).child_environment()["LESS"] == "FRX"
    assert Settings.from_environment({"LESS": "i"}).child_environment()["LESS"] == "i"


def test_author() -> None:
    both = {"LAYERCTL_AUTHOR_NAME": "Ada", "LAYERCTL_AUTHOR_EMAIL": "a@b"}
    assert session(both).author() == Author("Ada", "a@b")
    assert session({}).author() is None
    name_only = session({"LAYERCTL_AUTHOR_NAME": "Ada"}).author()
    assert name_only is not None
    assert name_only.name == "Ada"
    assert "@" in name_only.email


@pytest.mark.parametrize(
    ("environment", "plain"),
    [({}, False), ({"NO_COLOR": "1"}, True), ({"NO_COLOR": ""}, False), ({"TERM": "dumb"}, True)],
)
def test_no_color(environment: dict[str, str], plain: bool) -> None:
    assert Settings.from_environment(environment).no_color == plain


def test_a_named_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = tmp_path / "top"
    inside = top / "rootfs/etc"
    (top / ".layerctl").mkdir(parents=True)
    inside.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for name in (top, top / ".layerctl"):
        assert session({"LAYERCTL_REPO": str(name)}).start() == top
        assert session({"LAYERCTL_REPO": "/nonexistent"}, repo=str(name)).start() == top
    monkeypatch.chdir(inside)
    assert session({}, repo=str(top)).start() == inside
    (top / "rootfs/.layerctl").mkdir()
    assert session({}, repo=str(top)).start() == top


def test_a_named_repository_is_not_searched_for(tmp_path: Path) -> None:
    (tmp_path / ".layerctl").mkdir()
    (tmp_path / "below").mkdir()
    with pytest.raises(RepositoryNotFound):
        session({}, repo=str(tmp_path / "below")).start()


def test_the_command_for_the_operation_log() -> None:
    settings = Settings.from_environment({})
    words = ("commit", "-m", "two words", "caf\u00e9\udcff")
    assert Session(settings, words, Output(settings)).command == "layerctl commit -m 'two words' 'caf\u00e9\ufffd'"
    assert len(Session(settings, ("tag", "x" * 5000), Output(settings)).command) == 400
