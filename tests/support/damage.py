"""Damaging a repository, and looking what ``fsck`` says of it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layerctl.model.problem import Problem, Severity
from layerctl.ops.fsck import fsck
from tests.support.cli import Repo

Commit = dict[str, Any]


@dataclass(frozen=True)
class Two:
    """A repository with two commits on a small base image, not mounted; and what ``commit --json`` said of them."""

    repo: Repo
    one: Commit
    second: Commit


def look(repo: Repo, *, quick: bool = False) -> list[Problem]:
    """What is worse than a note."""
    result = fsck(repo.top, quick=quick)
    problems = [problem for problem in result.problems if problem.severity is not Severity.NOTE]
    assert result.ok == (not problems)
    return problems


def is_clean(repo: Repo) -> None:
    for quick in (False, True):
        assert fsck(repo.top, quick=quick).problems == ()


def find(repo: Repo, kind: str, path: str, *, quick: bool = False) -> Problem:
    """The problem of that kind at that path."""
    problems = {(problem.kind, os.fsdecode(problem.path)): problem for problem in look(repo, quick=quick)}
    assert (kind, path) in problems
    return problems[kind, path]


def ids(problem: Problem) -> list[str]:
    return [commit.hex for commit in problem.commits]


def layer_path(commit: Commit, path: str = "") -> str:
    return f"layers/{commit['layer']['id']}/fs" + (f"/{path}" if path else "")


def object_path(repo: Repo, oid: str) -> str:
    return f"git/objects/{oid[:2]}/{oid[2:]}"


def unpack_all(repo: Repo) -> None:
    for pack in (repo.dot / "git/objects/pack").glob("*.pack"):
        aside = repo.top / pack.name
        pack.rename(aside)
        pack.with_suffix(".idx").unlink()
        command = ["git", "--git-dir", repo.dot / "git", "unpack-objects", "-q"]
        subprocess.run(command, input=aside.read_bytes(), check=True)


def alter_content(path: Path) -> None:
    """One bit, with size and time as they were."""
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def swap_mode(path: Path) -> None:
    path.chmod(0o600)


def swap_owner(path: Path) -> None:
    os.chown(path, 12, 34)


def swap_xattr(path: Path) -> None:
    os.setxattr(path, "user.new", b"1")


def swap_mtime(path: Path) -> None:
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))


def lengthen(path: Path) -> None:
    status = path.stat()
    path.write_bytes(path.read_bytes() + b"x")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


#: One of each of the Git objects that a commit consists of.
OBJECTS = ["main~1", "main~1^{tree}", "main~1:config.json", "main~1:layer.json", "main~1:rootfs"]
OBJECTS += ["main~1:rootfs/srv/data", "main~1:rootfs/srv/data/%entries"]


def flip(path: Path, place: int | None = None) -> None:
    """Changes one bit of a file, in its middle by default."""
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if place is None else place] ^= 4
    path.write_bytes(data)
