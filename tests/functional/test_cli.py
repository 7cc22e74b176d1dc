"""What all verbs share: version, help, ``--json``, ``-q``, colours, completion, usage errors, the progress bar."""

from __future__ import annotations

import importlib.metadata
import json
import os
import pty
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.support import rootfs
from tests.support.cli import COMMAND, Layerctl, Repo

VERBS = [
    "init", "import", "checkout", "worktree", "status", "commit", "log", "show", "diff", "tag", "branch", "reflog",
    "rollback", "undo", "run", "config", "doctor", "completion",
]  # fmt: skip
PROJECT = Path(__file__).resolve().parents[2]


def test_version(layerctl: Layerctl) -> None:
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    assert re.fullmatch(rf"layerctl,? (version )?{re.escape(version)}\n", layerctl("--version").stdout)


def test_the_console_script_is_the_same_command() -> None:
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"]
    [point] = [importlib.metadata.EntryPoint(name, value, "") for name, value in scripts.items() if name == "layerctl"]
    assert callable(point.load())


def test_help_names_every_verb(layerctl: Layerctl) -> None:
    words = layerctl("--help").stdout.split()
    assert [verb for verb in VERBS if verb not in words] == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(layerctl: Layerctl, verb: str) -> None:
    assert verb in layerctl(verb, "--help").stdout


@pytest.mark.parametrize("args", [["frobnicate"], ["status", "--frobnicate"], ["commit", "-m"], ["log", "-n", "many"]])
def test_wrong_words_are_usage(repo: Repo, args: list[str]) -> None:
    result = repo.cli.run(*args, code=2)
    assert result.out == b""
    assert result.err != b""


@pytest.mark.parametrize(
    "verb",
    [["log"], ["status"], ["diff"], ["worktree", "list"], ["branch"], ["tag"], ["reflog"], ["config"], ["doctor"]],
    ids=" ".join,
)
def test_json_is_understood_before_and_after_the_verb(repo: Repo, verb: list[str]) -> None:
    before = repo.cli.run("--json", *verb)
    after = repo.cli.run(*verb, "--json")
    assert _steady(before.json) == _steady(after.json)
    assert before.err == b""


def _steady(document: Any) -> Any:
    """Without the free space of a disk on which others write."""
    return [row for row in document if "free space" not in row.values()] if isinstance(document, list) else document


def test_json_is_one_document(repo: Repo) -> None:
    repo.write("etc/new", "x")
    out = repo.cli("commit", "-m", "x", "--json").stdout
    assert json.JSONDecoder().raw_decode(out)[1] == len(out.rstrip())


def test_json_errors_keep_the_exit_code(repo: Repo) -> None:
    result = repo.cli.run("--json", "show", "nonsense", code=3)
    assert "Traceback" not in result.stderr
    assert "nonsense" in result.stderr + result.stdout


def test_worktree_option_before_and_after_the_verb(repo: Repo) -> None:
    repo.checked_out("HEAD", "w")
    assert repo.cli.json("-w", "w", "status")["worktree"] == "w"
    assert repo.cli.json("status", "-w", "w")["worktree"] == "w"


@pytest.mark.parametrize("place", ["before", "after"])
def test_quiet_says_nothing_when_all_is_well(repo: Repo, place: str) -> None:
    repo.write("etc/new", "x")
    args = ["-q", "commit", "-m", "x"] if place == "before" else ["commit", "-m", "x", "-q"]
    result = repo.cli(*args)
    assert (result.out, result.err) == (b"", b"")
    assert repo.cli.json("log")[0]["message"] == "x"


def test_quiet_does_not_hide_errors(repo: Repo) -> None:
    assert repo.cli.run("-q", "show", "nonsense", code=3).err != b""


def test_colour_always_never_and_auto(repo: Repo) -> None:
    repo.write("etc/new", "x")
    assert b"\x1b[" in repo.cli("--color", "always", "status").out
    assert b"\x1b[" not in repo.cli("--color", "never", "status").out
    assert b"\x1b[" not in repo.cli("status").out
    assert repo.cli.run("--color", "sometimes", "status", check=False).code == 2


def test_no_color_on_a_terminal(repo: Repo) -> None:
    repo.write("etc/new", "x")
    assert "\x1b[3" in _on_terminal(repo.cli, "status")
    assert "\x1b[3" not in _on_terminal(repo.cli, "status", NO_COLOR="1")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion(layerctl: Layerctl, shell: str) -> None:
    assert "layerctl" in layerctl("completion", shell).stdout


def test_completion_for_an_unknown_shell_is_usage(layerctl: Layerctl) -> None:
    layerctl.fails(2, "completion", "no-such-shell")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("comm", "commit"), ("rollb", "rollback"), ("worktree ad", "add"), ("log --onel", "--oneline")],
)
def test_completion_in_bash(repo: Repo, workdir: Path, typed: str, offered: str) -> None:
    """Drives the script as bash does when somebody presses Tab."""
    binary = workdir / "bin/layerctl"
    binary.parent.mkdir()
    binary.write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
    binary.chmod(0o755)
    env = repo.cli.environment({"PATH": f"{binary.parent}:{os.environ['PATH']}"})
    line = f"layerctl {typed}"
    drive = f"""
        eval "$(layerctl completion bash)"
        COMP_WORDS=({line}) COMP_CWORD={len(line.split()) - 1} COMP_LINE='{line}' COMP_POINT={len(line)}
        function=$(complete -p layerctl | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $function layerctl {typed.split()[-1]} {line.split()[-2]}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", drive], env=env, capture_output=True, text=True, cwd=repo.top)
    assert done.stdout.split() == [offered], done.stderr


def test_a_progress_bar_on_a_terminal_and_nothing_when_piped(empty_repo: Repo, workdir: Path) -> None:
    big = rootfs.make_tree(workdir / "big", directories=150, files=40)
    for number, folder in enumerate(sorted(big.glob("usr/share/*/*"))):  # holes, as below: no disk is too fast for them
        with (folder / f"hole{number}").open("wb") as file:
            file.truncate(32 << 20)
    shown = _on_terminal(empty_repo.cli, "import", str(big))
    assert re.search(r"\x1b\[", shown)
    assert re.search(r"%|\d+/\d+|━|files|entries", shown)
    piped = empty_repo.cli("import", big, "--branch", "second")
    assert piped.err == b""


def test_a_progress_bar_for_a_commit_of_many_files(repo: Repo) -> None:
    (repo.rootfs / "srv").mkdir()
    for number in range(4000):  # holes: quickly made, and read all the same
        with (repo.rootfs / f"srv/f{number}").open("wb") as file:
            file.truncate(1 << 20)
    shown = _on_terminal(repo.cli, "commit", "-m", "many")
    assert re.search(r"%|\d+/\d+|━", shown)


def _on_terminal(cli: Layerctl, *args: str, **env: str) -> str:
    """What a command shows on a terminal of its own."""
    controller, terminal = pty.openpty()
    process = cli.start(*args, stdin=terminal, stdout=terminal, stderr=terminal, env=env)
    os.close(terminal)
    shown = b""
    while chunk := _read(controller):
        shown += chunk
    os.close(controller)
    assert process.wait(timeout=60) == 0, shown
    return shown.decode(errors="replace")


def _read(controller: int) -> bytes:
    try:
        return os.read(controller, 65536)
    except OSError:  # EIO: the last user of the terminal is gone
        return b""
