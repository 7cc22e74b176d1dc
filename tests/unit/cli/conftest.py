from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from layerctl.cli.app import run
from layerctl.cli.output import Output
from layerctl.cli.session import Session
from layerctl.cli.settings import Settings
from layerctl.errors import RevisionNotFound


@dataclass
class FakeRepository:
    """Notes what is called, and answers with what a test has prepared."""

    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    worktree: str = "default"
    mountpoint: Path = Path("/nonexistent/rootfs")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def method(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((name, args, kwargs))
            answer = self.answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return method

    def resolve(self, revision: str) -> Any:
        if revision in self.answers.get("revisions", ()):
            return revision
        raise RevisionNotFound(f"no commit is called '{revision}'")

    def arguments(self, name: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Of the one call of a method."""
        [found] = [(args, kwargs) for called, args, kwargs in self.calls if called == name]
        return found


@dataclass
class Cli:
    """Runs command lines in this process against a fake repository."""

    repository: FakeRepository
    session: Session | None = None

    def __call__(self, *words: str, environment: dict[str, str] | None = None) -> int:
        settings = Settings.from_environment({"PATH": "/bin", **(environment or {})})
        self.session = Session(settings, words, Output(settings))
        return run(self.session)


@pytest.fixture
def repository() -> FakeRepository:
    return FakeRepository()


@pytest.fixture
def cli(repository: FakeRepository, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setattr(Session, "repository", lambda self, progress=True: repository)
    return Cli(repository)
