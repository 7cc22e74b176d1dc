"""Locks that die with their holder."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from layerctl.errors import Busy
from layerctl.store.locks import RepositoryLock, worktree_lock
from tests.unit.store.processes import end, start

_HOLD = """
import sys
from pathlib import Path
from layerctl.store.locks import RepositoryLock, worktree_lock
path = Path(sys.argv[1])
lock = RepositoryLock(path)
with {"apply": lock.apply, "in_use": lock.in_use, "exclusive": lock.exclusive,
      "worktree": lambda: worktree_lock(path, "default")}[sys.argv[2]]():
    print("ready", flush=True)
    sys.stdin.read()
"""

_Take = Callable[[], AbstractContextManager[None]]


def _takers(path: Path) -> dict[str, _Take]:
    lock = RepositoryLock(path, wait=0.05)
    return {
        "apply": lock.apply,
        "in_use": lock.in_use,
        "exclusive": lock.exclusive,
        "worktree": lambda: worktree_lock(path, "default", wait=0.05),
    }


@pytest.mark.parametrize(
    ("held", "wanted", "free"),
    [
        ("apply", "apply", False),
        ("apply", "in_use", True),
        ("apply", "exclusive", True),
        ("in_use", "in_use", True),
        ("in_use", "apply", True),
        ("in_use", "exclusive", False),
        ("exclusive", "in_use", False),
        ("exclusive", "exclusive", False),
        ("worktree", "worktree", False),
    ],
)
def test_what_excludes_what(tmp_path: Path, held: str, wanted: str, free: bool) -> None:
    process = start(_HOLD, tmp_path / "lock", held)
    try:
        if free:
            with _takers(tmp_path / "lock")[wanted]():
                pass
        else:
            with pytest.raises(Busy), _takers(tmp_path / "lock")[wanted]():
                pass
    finally:
        end(process)


@pytest.mark.parametrize("held", ["apply", "exclusive", "worktree"])
def test_the_lock_of_a_killed_process_is_free(tmp_path: Path, held: str) -> None:
    process = start(_HOLD, tmp_path / "lock", held)
    end(process, kill=True)
    with _takers(tmp_path / "lock")[held]():
        pass


def test_a_second_one_waits_for_the_first(tmp_path: Path) -> None:
    process = start(_HOLD, tmp_path / "lock", "apply")
    began = time.monotonic()
    assert process.stdin is not None
    process.stdin.close()
    with RepositoryLock(tmp_path / "lock", wait=20).apply():
        assert time.monotonic() - began < 15
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_one_process_excludes_itself_too(tmp_path: Path) -> None:
    """Locks of open file descriptions, not of processes: two instances in one program."""
    lock = RepositoryLock(tmp_path / "lock", wait=0.01)
    with lock.apply(), pytest.raises(Busy), lock.apply():
        pass


def test_who_holds_a_worktree_is_said(tmp_path: Path) -> None:
    process = start(_HOLD, tmp_path / "lock", "worktree")
    try:
        taken = worktree_lock(tmp_path / "lock", "default", wait=0)
        with pytest.raises(Busy, match=rf"worktree 'default' \(process {process.pid}\)"), taken:
            pass
    finally:
        end(process)


def test_a_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    lock = RepositoryLock(tmp_path / "lock", wait=0)
    with pytest.raises(ZeroDivisionError), lock.apply():
        raise ZeroDivisionError
    with lock.apply():
        pass


@pytest.mark.parametrize("kind", ["apply", "worktree"])
def test_who_waits_for_us_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    """A command in a hook: what the one that called the hook holds is busy at once; of others it waits for the end."""
    path = tmp_path / "lock"
    process = start(_HOLD, path, kind)

    def take(holder: int) -> AbstractContextManager[None]:
        if kind == "apply":
            return RepositoryLock(path, wait=0.3, holders=[holder]).apply()
        return worktree_lock(path, "default", wait=0.3, holders=[holder])

    try:
        begin = time.monotonic()
        with pytest.raises(Busy, match=f"the one whose hook this is .process {process.pid}"), take(process.pid):
            pass
        assert time.monotonic() - begin < 0.25
        with pytest.raises(Busy, match=f"process {process.pid}"), take(process.pid + 1):
            pass
        assert time.monotonic() - begin > 0.3
    finally:
        end(process)
    with take(process.pid):
        pass


def test_gc_in_a_hook_does_not_wait_for_the_verb_that_called_it(tmp_path: Path) -> None:
    process = start(_HOLD, tmp_path / "lock", "in_use")
    try:
        begin = time.monotonic()
        with pytest.raises(Busy), RepositoryLock(tmp_path / "lock", wait=20, holders=[process.pid]).exclusive():
            pass
        assert time.monotonic() - begin < 10
    finally:
        end(process)
