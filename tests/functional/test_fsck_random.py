"""Random damage: ``fsck`` sees it, or it is of no consequence; a repair never makes it worse.

``LAYERCTL_FSCK_ROUNDS=2000 pytest tests/functional/test_fsck_random.py`` goes on for longer (``make fsck-sweep``).
"""

from __future__ import annotations

import os
import random
import re
import shutil
import stat
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from layerctl.model.problem import Problem, Severity
from layerctl.ops.fsck import fsck
from tests.support.cli import Layerctl, Repo
from tests.support.damage import Two

ROUNDS = int(os.environ.get("LAYERCTL_FSCK_ROUNDS", "40"))

#: What may change unseen: nothing that layerctl records, or nothing that anything else could tell.
IRRELEVANT = re.compile(
    r"git/(description|hooks/|info/|objects/info/|logs/|refs/(layerctl/operations|tags)/|refs/heads/(?!main)|.*\.rev$)"
    r"|worktrees/[^/]+/(lock|upper/|work/)"
    r"|parked/|hooks/|lock$"
)


def flip_bit(path: Path, dice: random.Random) -> bool:
    data = bytearray(path.read_bytes())
    if not data:
        return False
    status = path.stat()
    path.chmod(0o600)
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path.write_bytes(data)
    path.chmod(stat.S_IMODE(status.st_mode))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return True


def cut(path: Path, dice: random.Random) -> bool:
    size = path.stat().st_size
    os.truncate(path, dice.randrange(size)) if size else None
    return size > 1


def lengthen(path: Path, dice: random.Random) -> bool:
    with path.open("ab") as file:
        file.write(bytes([dice.randrange(1, 256)]))
    return True


def remove(path: Path, dice: random.Random) -> bool:
    path.unlink()
    return True


def chmod(path: Path, dice: random.Random) -> bool:
    path.chmod(stat.S_IMODE(path.stat().st_mode) ^ (1 << dice.randrange(12)))
    return "/fs/" in os.fspath(path)


def touch(path: Path, dice: random.Random) -> bool:
    os.utime(path, ns=(0, dice.randrange(1 << 60)))
    return "/fs/" in os.fspath(path)


def chown(path: Path, dice: random.Random) -> bool:
    os.chown(path, 0, dice.randrange(1, 1000))
    return "/fs/" in os.fspath(path)


def add_xattr(path: Path, dice: random.Random) -> bool:
    os.setxattr(path, "user.random", b"%d" % dice.randrange(1000))
    return "/fs/" in os.fspath(path)


DAMAGES: tuple[Callable[[Path, random.Random], bool], ...] = (
    flip_bit,
    flip_bit,
    cut,
    lengthen,
    remove,
    chmod,
    touch,
    chown,
    add_xattr,
)


def files_in(dot: Path) -> list[Path]:
    found = (path for part in ("layers", "git", "worktrees", "journal") for path in (dot / part).rglob("*"))
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def is_relevant(repo: Repo, path: Path, damage: Callable[[Path, random.Random], bool], needed: set[str]) -> bool:
    name = os.fspath(path.relative_to(repo.dot))
    if IRRELEVANT.match(name):
        return False
    if damage is remove and name.startswith("git/objects/"):
        return path.suffix in (".pack", ".idx") or path.parent.name + path.name in needed
    if damage is remove and name.startswith("journal/ops/"):
        names = sorted(item.name for item in path.parent.iterdir())
        return path.name not in (names[0], names[-1])
    return True


def is_same_to_readers(path: Path, before: bytes) -> bool:
    """Whether a small file was changed in white space alone, or a config in what layerctl does not need.

    A loose object may be the same although a bit was flipped: those that fill deflate's last byte mean nothing.
    """
    if path.name == "config":
        return True
    if "/git/objects/" in os.fspath(path) and len(path.name) == 38:
        return path.exists() and _inflated(path.read_bytes()) == _inflated(before)
    if path.suffix not in (".json", "") and path.name not in ("format", "HEAD", "main", "default"):
        return False
    return path.exists() and path.read_bytes().split() == before.split()


def _inflated(data: bytes) -> bytes | None:
    try:
        return zlib.decompress(data)
    except zlib.error:
        return None


def worst(problems: tuple[Problem, ...]) -> set[tuple[str, bytes]]:
    return {problem.identity for problem in problems if problem.severity is Severity.ERROR}


@pytest.mark.timeout(60 + ROUNDS * 5)
def test_random_damage(two: Two, compacted_once: Repo, tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    subprocess.run(["cp", "-a", compacted_once.top, packed], check=True)
    Repo(packed, compacted_once.cli).git("-c", "repack.writeBitmaps=false", "repack", "-adq")
    victims = [two.repo.top, compacted_once.top, packed]
    seen = 0
    for number in range(ROUNDS):
        dice = random.Random(number)
        top = tmp_path / "victim"
        top.mkdir()
        subprocess.run(["cp", "-a", dice.choice(victims) / ".layerctl", top], check=True)
        seen += _one(Repo(top, Layerctl(top, two.repo.cli.cwd)), dice, f"round {number}")
        shutil.rmtree(top)
    print(f"{seen} of {ROUNDS} damages were of consequence, and reported")
    assert seen > ROUNDS / 4


def _one(repo: Repo, dice: random.Random, name: str) -> bool:
    needed = set(repo.git("rev-list", "--objects", "--no-object-names", "--all").split())
    path, damage = dice.choice(files_in(repo.dot)), dice.choice(DAMAGES)
    before = path.read_bytes()
    relevant = is_relevant(repo, path, damage, needed) & damage(path, dice)
    label = f"{name}: {damage.__name__} {path.relative_to(repo.dot)}"
    found = fsck(repo.top)
    if relevant:
        assert not found.ok or is_same_to_readers(path, before), label
    repaired = fsck(repo.top, repair=True)
    assert worst(repaired.problems) <= worst(found.problems), label
    again = fsck(repo.top)
    assert worst(again.problems) == worst(repaired.problems), label
    return relevant and not found.ok
