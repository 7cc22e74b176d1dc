"""Reading a worktree while another command replaces its write layer, record and HEAD."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from layerctl.store.journal import Journal
from tests.unit.ops.conftest import Box


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step of an operation takes its time."""
    for name in ("_rename", "_write", "_move_ref"):
        monkeypatch.setattr(Journal, name, _delayed(getattr(Journal, name)))


def _delayed(step: Callable[..., object]) -> Callable[..., object]:
    def delayed(*args: object, **options: object) -> object:
        time.sleep(0.05)
        return step(*args, **options)

    return delayed


def test_status_beside_a_commit_is_before_or_after(box: Box, slowly: None) -> None:
    box.base(lambda source: (source / "a").write_text("a"))
    (box.root / "new").write_text("new")
    head = box.repo.resolve("HEAD")
    found = []
    command = threading.Thread(target=box.repo.commit, args=("x",))
    reader = box.repo
    command.start()
    while command.is_alive():
        status = reader.status()
        found.append((status.head == head, [change.path for change in status.changes if not change.is_noise]))
    command.join()
    assert {was: changes for was, changes in found if was} == {True: [b"new"]}
    assert all(changes == ([b"new"] if was else []) for was, changes in found)
