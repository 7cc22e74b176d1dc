"""Shell completion."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from layerctl.cli.completing import SCRIPTS, candidates
from layerctl.cli.known import Known
from layerctl.cli.verbs import VERBS

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["com"], ["commit", "completion"]),
        ([""], list(VERBS)),
        (["-w", "x", "comm"], ["commit"]),
        (["--json", "comm"], ["commit"]),
        (["worktree", ""], ["add", "list", "remove"]),
        (["op", ""], ["log", "restore"]),
        (["diff", "--st"], ["--stat"]),
        (["diff", "-w", "x", "--st"], ["--stat"]),
        (["--col"], ["--color"]),
        (["--color", "a"], ["auto", "always"]),
        (["run", "--network", ""], ["none", "host"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["completion", "bash", ""], []),
        (["commit", "x"], []),
        (["diff", "--", "--st"], []),
        (["nonsense", ""], list(VERBS)),
    ],
)
def test_candidates(words: list[str], found: list[str]) -> None:
    assert [name for name, _ in candidates(words)] == found


@pytest.fixture
def known(tmp_path: Path) -> Known:
    """Branches main, side and feature/x, one of them packed; tags v1 and v2; two worktrees; hooks."""
    dot = tmp_path / ".layerctl"
    for name in ("heads/main", "heads/feature/x", "tags/v1", "heads/half.lock", "layerctl/stash/0"):
        path = dot / "git/refs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("0" * 40 + "\n")
    one, two = "1" * 40, "2" * 40
    packed = f"# pack-refs with: peeled\n{one} refs/heads/side\n{one} refs/tags/v1\n{two} refs/tags/v2\n^{one}\n"
    (dot / "git/packed-refs").write_text(packed)
    for name in ("worktrees/default", "worktrees/try", "hooks/pre-commit.d"):
        (dot / name).mkdir(parents=True)
    for name in ("commit-msg", "pre-commit.secrets.sample", "pre-commit.d/clean"):
        (dot / "hooks" / name).touch()
    (dot / "format").write_text("1\n")
    (tmp_path / "rootfs/etc").mkdir(parents=True)
    return Known.around(tmp_path / "rootfs/etc")


BRANCHES, TAGS = ["feature/x", "main", "side"], ["v1", "v2"]
REVISIONS = ["HEAD", *BRANCHES, *TAGS]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["checkout", ""], REVISIONS),
        (["checkout", "main", ""], []),
        (["checkout", "-b", ""], []),
        (["checkout", "-b", "new", "v"], TAGS),
        (["checkout", "-w", ""], ["default", "try"]),
        (["-w", "t"], ["try"]),
        (["rollback", "v"], TAGS),
        (["diff", "v1", "v"], TAGS),
        (["log", "v1..f"], ["v1..feature/x"]),
        (["log", "v1...si"], ["v1...side"]),
        (["log", "^ma"], ["^main"]),
        (["show", "H"], ["HEAD"]),
        (["run", "--rev", "si"], ["side"]),
        (["run", "si"], []),
        (["restore", "--source", "v2"], ["v2"]),
        (["restore", "e"], []),
        (["bisect", "start", "ma"], ["main"]),
        (["bisect", "start", "main", "v"], TAGS),
        (["grep", "v"], []),
        (["grep", "needle", "v"], TAGS),
        (["branch", ""], []),
        (["branch", "-d", ""], BRANCHES),
        (["branch", "new", "v"], TAGS),
        (["tag", "-d", ""], TAGS),
        (["reflog", ""], ["HEAD", *BRANCHES]),
        (["worktree", "add", ""], []),
        (["worktree", "add", "new", "v"], TAGS),
        (["worktree", "remove", ""], ["try"]),
        (["hook", "enable", "pre"], ["pre-commit.clean", "pre-commit.secrets"]),
        (["import", "--source"], []),
    ],
)
def test_names(known: Known, words: list[str], found: list[str]) -> None:
    assert [name for name, _ in candidates(words, known)] == found


def test_names_are_told_apart(known: Known) -> None:
    found = dict(candidates(["checkout", ""], known))
    assert (found["HEAD"], found["side"], found["v1"]) == ("", "branch", "tag")


def test_without_a_repository_there_are_none(tmp_path: Path) -> None:
    assert list(candidates(["checkout", ""], Known.around(tmp_path))) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_of_their_shell(shell: str) -> None:
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=SCRIPTS[shell].encode(), check=True)
    assert f"_LAYERCTL_COMPLETE={shell}" in SCRIPTS[shell]


def test_bash_completes(tmp_path: Path, known: Known) -> None:
    program = tmp_path / "layerctl"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m layerctl "$@"\n')
    program.chmod(0o755)
    script = f"""{SCRIPTS["bash"]}
PATH={tmp_path}:$PATH
complete_words() {{ COMP_WORDS=(layerctl "$@") COMP_CWORD=$#; _layerctl; echo "${{COMPREPLY[@]}}"; }}
complete_words worktree a
complete_words checkout v
complete_words -C / checkout v
complete_words -C / --repo {known.folder} checkout v
"""
    done = subprocess.run(["bash"], input=script, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == "add\nv1 v2\n\nv1 v2\n"
