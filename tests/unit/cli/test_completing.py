"""Shell completion."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from layerctl.cli.completing import SCRIPTS, candidates
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


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_of_their_shell(shell: str) -> None:
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=SCRIPTS[shell].encode(), check=True)
    assert f"_LAYERCTL_COMPLETE={shell}" in SCRIPTS[shell]


def test_bash_completes(tmp_path: Path) -> None:
    program = tmp_path / "layerctl"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m layerctl "$@"\n')
    program.chmod(0o755)
    script = f"""{SCRIPTS["bash"]}
PATH={tmp_path}:$PATH COMP_WORDS=(layerctl worktree a) COMP_CWORD=2; _layerctl; echo "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash"], input=script, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == "add\n"
