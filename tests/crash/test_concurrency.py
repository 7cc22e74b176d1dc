"""Many commands at once: no commit is lost, nobody waits for ever, and nobody sees anything half made."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.crash.state import assert_sound, git, image_listing
from tests.crash.strace import Runner
from tests.crash.sweep import Area
from tests.oracle import assert_same
from tests.support.cli import Repo

pytestmark = [pytest.mark.serial, pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")]

_WRITERS = 8
_SECONDS = 12.0
#: What others do meanwhile; ``{n}`` counts.
_OTHERS = (
    ("log", "--all", "--json"),
    ("diff", "main~1", "main", "--json"),
    ("status", "--json"),
    ("import", "source", "--branch", "i{n}", "--json"),
    ("tag", "t{n}", "main"),
    ("worktree", "list", "--json"),
)


def _work(runner: Runner, until: float, commands: Iterator[tuple[str, ...]], report: Path) -> None:
    """Runs one command after the other; each must succeed within the time that a user would wait."""
    with report.open("w") as out:
        for command in commands:
            if time.monotonic() > until:
                break
            begin = time.monotonic()
            ended = runner.run(*command)
            assert ended.code == 0, (command, ended)
            assert time.monotonic() - begin < 25, command
            out.write(json.dumps(ended.out) + "\n")


def _commits(root: Path, name: str) -> Iterator[tuple[str, ...]]:
    for number in count():
        (root / "n").write_text(f"{name} {number}\n")
        yield "--json", "commit", "-w", name, "-m", f"{number}"


def _in_child(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except AssertionError as exc:
            sys.__stderr__.write(f"{exc}\n")  # type: ignore[union-attr]
        finally:
            os._exit(code)
    return child


def test_eight_writers_and_as_many_others_lose_nothing(area: Area, tmp_path: Path) -> None:
    with area.base_mounted() as box:
        names = [f"w{number}" for number in range(_WRITERS)]
        roots = {name: Path(box.repo.add_worktree(name).mountpoint) for name in names}
        until = time.monotonic() + _SECONDS
        children = []
        for number, (label, commands) in enumerate(_all_work(roots)):
            scratch = tmp_path / str(number)
            scratch.mkdir()
            runner = Runner(box.top, area.cli.env, scratch)
            children.append(_in_child(lambda r=runner, c=commands, n=label: _work(r, until, c, tmp_path / n)))  # type: ignore[misc]
        ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        assert ends == [0] * len(children)
        total = sum(_check_writer(box.dot, name, tmp_path / name) for name in names)
        assert total >= 2 * _WRITERS
        print(f"{total} concurrent commits")
        assert_sound(box.dot)
        for n, line in enumerate((tmp_path / "other 3").read_text().splitlines()):
            assert json.loads(json.loads(line))["commits"][-1] == git(box.dot, "rev-parse", f"i{n}").strip()


def _all_work(roots: dict[str, Path]) -> Iterator[tuple[str, Iterator[tuple[str, ...]]]]:
    for name, root in roots.items():
        yield name, _commits(root, name)
    for index, words in enumerate(_OTHERS):
        yield f"other {index}", (tuple(word.format(n=n) for word in words) for n in count())


def _check_writer(dot: Path, name: str, report: Path) -> int:
    """Every commit that was printed is on its branch, in order, with its content."""
    made = [json.loads(json.loads(line)) for line in report.read_text().splitlines()]
    on_branch = git(dot, "rev-list", "--reverse", f"main..{name}").split()
    assert [commit["commit"] for commit in made] == on_branch
    for number, commit in enumerate(made):
        assert (dot / "layers" / commit["layer"]["id"] / "fs/n").read_text() == f"{name} {number}\n"
    last = f"{name} {len(made) - 1}\n".encode()
    assert image_listing(dot, on_branch[-1]).nodes[b"n"].sha256 == hashlib.sha256(last).hexdigest()
    return len(made)


def _with_hook(repo: Repo, text: str) -> None:
    hook = repo.dot / "hooks/pre-commit"
    hook.write_text(f"#!/bin/sh\n{text}\n")
    hook.chmod(0o755)


def test_a_second_command_on_a_worktree_waits_for_the_first(repo: Repo, spawn: Spawn) -> None:
    _with_hook(repo, 'touch "$LAYERCTL_REPO/started"; sleep 1.5')
    repo.write("etc/new", "x")
    first = spawn(repo.cli.start("commit", "-m", "first", stdout=-1, stderr=-1))
    _wait_for(repo.dot / "started")
    begin = time.monotonic()
    repo.cli("rollback", "HEAD")
    assert time.monotonic() - begin > 0.5
    assert first.wait(timeout=30) == 0
    assert repo.cli("log", "-n", "1", "--oneline").stdout.endswith("first\n")


def test_a_holder_that_is_killed_blocks_nobody(repo: Repo, spawn: Spawn) -> None:
    """Killed in its hook, while it holds the repository's and the worktree's lock."""
    _with_hook(repo, 'cd "$LAYERCTL_REPO" && echo $$ > begun && mv begun started && exec sleep 60')
    repo.write("etc/new", "x")
    first = spawn(repo.cli.start("commit", "-m", "first", stdout=-1, stderr=-1, start_new_session=True))
    _wait_for(repo.dot / "started")
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    begin = time.monotonic()
    repo.cli("commit", "--no-verify", "-m", "second", timeout=20)
    assert time.monotonic() - begin < 10
    assert repo.cli("show", "HEAD:etc/new").out == b"x"
    with suppress(ProcessLookupError):
        os.kill(int((repo.dot / "started").read_text()), signal.SIGKILL)  # the hook, in a session of its own


@pytest.mark.parametrize("lock", ["refs/heads/main.lock", "refs/layerctl/worktrees/default.lock", "HEAD.lock"])
def test_a_lock_of_git_that_a_killed_process_left_blocks_nobody(repo: Repo, lock: str) -> None:
    (repo.dot / "git" / lock).touch()
    repo.commit_file("etc/new", "x")
    before = repo.listing()
    repo.cli("rollback")
    repo.cli("undo")
    assert_same(before, repo.rootfs)


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)
