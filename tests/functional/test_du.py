"""``layerctl du``: what takes how much on disk."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from tests.conftest import Spawn
from tests.support.cli import Repo

_KB = 1000
#: Blocks of directories and small files around what a test measures.
_AROUND = 80 * _KB


def _disk(path: os.PathLike[str]) -> int:
    """As du(1) has it, without what is mounted inside."""
    command = ["du", "-s", "-x", "-B1", path]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[0])


def _by_name(shares: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {share["name"]: share for share in shares}


def test_it_adds_up_to_what_du_says(repo: Repo, spawn: Spawn) -> None:
    """With hard links between layers, a sparse file, a write layer, parked work with its mount, and runs."""
    spawn(["sleep", "600"], cwd=repo.rootfs)
    repo.write("srv/big", os.urandom(300 * _KB))
    with open(repo.rootfs / "srv/sparse", "wb") as file:
        file.truncate(100 << 20)
    repo.commit("busy")
    repo.write("srv/parked", os.urandom(50 * _KB))
    repo.cli("rollback", "HEAD")
    for _ in range(2):
        repo.commit("empty", "--allow-empty")
    os.link(repo.write("srv/own", os.urandom(20 * _KB)), repo.rootfs / "srv/own-too")
    usage = repo.cli.json("du")
    assert usage["bytes"] == sum(usage["parts"].values()) == _disk(repo.dot)
    assert usage["parts"]["git"] == _disk(repo.dot / "git")
    assert 350 * _KB < usage["parts"]["parked"] < 350 * _KB + _AROUND  # what the busy commit copied is there, too
    assert 20 * _KB < usage["parts"]["write_layers"] < 20 * _KB + _AROUND
    assert usage["parts"]["layers"] < (100 << 20)


def test_who_holds_what_alone(repo: Repo) -> None:
    repo.write("srv/main", os.urandom(100 * _KB))
    repo.commit("main")
    repo.cli("checkout", "-b", "side", "HEAD~1")
    repo.write("srv/side", os.urandom(200 * _KB))
    side = repo.commit("side")
    repo.cli("tag", "v1", "main~1")
    repo.write("srv/mine", os.urandom(400 * _KB))
    usage = repo.cli.json("du")
    branches = _by_name(usage["branches"])
    assert 100 * _KB <= branches["main"]["alone"] < 100 * _KB + _AROUND
    assert 200 * _KB <= branches["side"]["alone"] < 200 * _KB + _AROUND
    base = _by_name(usage["tags"])["v1"]
    assert base["alone"] == 0
    assert branches["main"]["bytes"] == base["bytes"] + branches["main"]["alone"]
    worktree = _by_name(usage["worktrees"])["default"]
    assert 400 * _KB <= worktree["alone"] == worktree["bytes"] < 400 * _KB + _AROUND
    commits = {share["commit"]: share for share in usage["commits"]}
    assert len(commits) == 3
    assert commits[side["commit"]]["bytes"] == _disk(repo.dot / "layers" / side["layer"]["id"])
    repo.cli("checkout", "--detach", "--discard", "main")
    repo.cli("branch", "-D", "main")
    assert 100 * _KB <= _by_name(repo.cli.json("du")["worktrees"])["default"]["alone"] < 100 * _KB + _AROUND


def test_text_and_limits(repo: Repo) -> None:
    repo.commit_file("srv/x", "x", "a subject")
    lines = repo.cli("du").lines
    assert any(line.endswith("altogether") for line in lines)
    assert any(line.endswith("a subject") for line in lines)
    assert not any("subject" in line for line in repo.cli("du", "-n", "0").lines)
    assert len(repo.cli.json("du", "-n", "1")["commits"]) == 1
    repo.cli.fails(2, "du", "-n", "-1")
    repo.cli.fails(2, "du", "srv")


def test_of_an_empty_repository(empty_repo: Repo) -> None:
    usage = empty_repo.cli.json("du")
    assert usage["bytes"] == _disk(empty_repo.dot)
    assert usage["branches"] == usage["commits"] == []
