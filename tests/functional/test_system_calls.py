"""How many system calls an entry costs: what keeps large write layers and images fast, counted and not timed."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.support import rootfs
from tests.support.cli import COMMAND, Layerctl, Repo

_FEW, _MANY = 100, 1100
_SYNCS = ("fsync", "fdatasync", "syncfs", "sync_file_range")


def _calls(cli: Layerctl, folder: Path, *args: object) -> Counter[str]:
    """The system calls of a command and its children, by name."""
    log = folder.parent / "calls.log"
    command = ["strace", "-f", "-qq", "-o", log, *COMMAND, *map(str, args)]
    done = subprocess.run(command, cwd=folder, env=cli.environment(), capture_output=True)
    assert done.returncode == 0, done.stderr
    lines = log.read_text(errors="replace").splitlines()
    log.unlink()
    return Counter(line.split(None, 1)[1].partition("(")[0] for line in lines if " resumed>" not in line)


def _fill(repo: Repo, count: int) -> None:
    for number in range(count):
        repo.write(f"srv/d{number % 10}/f{number}", f"{number}\n" * 20)


def _cost(repo: Repo, *args: str) -> float:
    """System calls for each further new file in the write layer."""
    counts = []
    for count in (_FEW, _MANY):
        repo.cli("rollback", "--discard", "HEAD")
        _fill(repo, count)
        counts.append(_calls(repo.cli, repo.top, *args).total())
        repo.cli("rollback", "--discard", repo.git("rev-list", "--max-parents=0", "main").strip())
    return (counts[1] - counts[0]) / (_MANY - _FEW)


def test_a_status_asks_for_a_file_s_status_and_attributes_and_no_more(repo: Repo) -> None:
    assert 2 <= _cost(repo, "status") < 2.5


def test_a_commit_opens_reads_and_closes_a_file_and_asks_for_its_attributes(repo: Repo) -> None:
    assert 4.5 <= _cost(repo, "commit", "-m", "many") < 6


@pytest.mark.parametrize("what", ["import", "commit"])
def test_what_is_synced_does_not_grow_with_what_there_is(repo: Repo, workdir: Path, what: str) -> None:
    """Nor the number of files in the Git repository: thousands of trees are one pack."""
    syncs, files = [], []
    for directories in (100, 600):
        tree = rootfs.make_tree(workdir / f"tree{directories}", directories=directories, files=2)
        before = _git_files(repo)
        if what == "import":
            calls = _calls(repo.cli, repo.top, "import", tree, "--branch", f"b{directories}")
        else:
            (repo.rootfs / "srv").mkdir(exist_ok=True)
            subprocess.run(["cp", "-r", f"{tree}/usr/share", repo.rootfs / f"srv/{directories}"], check=True)
            calls = _calls(repo.cli, repo.top, "commit", "-m", "many")
        syncs.append(sum(calls[name] for name in _SYNCS))
        files.append(_git_files(repo) - before)
    assert 0 < syncs[1] <= syncs[0] + 2 < 40
    assert files[1] <= files[0] + 2 < 20


def _git_files(repo: Repo) -> int:
    return sum(path.is_file() for path in (repo.dot / "git").rglob("*"))
