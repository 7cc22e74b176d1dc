"""Hooks as the verbs run them: Git's names and rules, and nothing changes when one says no."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.cli import COMMAND, Repo


def _hook(repo: Repo, name: str, script: str) -> Path:
    path = repo.dot / "hooks" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("hook", "verb"),
    [
        ("pre-commit", ["commit", "-m", "x"]),
        ("commit-msg", ["commit", "-m", "x"]),
        ("pre-checkout", ["checkout", "--discard", "HEAD~1"]),
        ("pre-rollback", ["rollback"]),
        ("pre-run", ["run", "--", "touch", "/etc/ran"]),
    ],
)
def test_a_hook_that_says_no_stops_the_verb_with_nothing_changed(repo: Repo, hook: str, verb: list[str]) -> None:
    repo.commit_file("srv/n", "1")
    repo.write("etc/dirty", "x")
    before, head = repo.listing(), repo.head()
    _hook(repo, hook, "echo because; exit 3")
    result = repo.cli.run(*verb, check=False)
    assert result.code == 1
    assert hook in result.stderr
    assert "because" in result.stderr + result.stdout
    assert repo.head() == head
    assert repo.listing() == before


@pytest.mark.parametrize("hook", ["pre-commit", "commit-msg"])
def test_no_verify_skips_it(repo: Repo, hook: str) -> None:
    _hook(repo, hook, "exit 1")
    repo.write("etc/new", "x")
    repo.commit("x", "--no-verify")


def test_pre_commit_gets_the_changes_and_the_environment(repo: Repo) -> None:
    _hook(repo, "pre-commit", f"cat > {repo.top}/stdin; env > {repo.top}/env; pwd > {repo.top}/pwd")
    repo.write("etc/new", "x")
    repo.commit("x")
    lines = [json.loads(line) for line in (repo.top / "stdin").read_text().splitlines()]
    assert [line["kind"] for line in lines if line["path"].endswith("etc/new")] == ["A"]
    env = dict(line.split("=", 1) for line in (repo.top / "env").read_text().splitlines() if "=" in line)
    assert env["LAYERCTL_REPO"] == str(repo.dot)
    assert env["LAYERCTL_WORKTREE"] == "default"
    assert env["LAYERCTL_ROOTFS"] == str(repo.rootfs)


def test_commit_msg_may_edit_the_message(repo: Repo) -> None:
    _hook(repo, "commit-msg", "echo 'Checked-by: hook' >> \"$1\"")
    repo.write("etc/new", "x")
    repo.commit("subject")
    assert "Checked-by: hook" in repo.cli.json("log")[0]["message"]


def test_a_post_hook_that_fails_changes_nothing_that_was_done(repo: Repo) -> None:
    _hook(repo, "post-commit", "exit 1")
    repo.write("etc/new", "x")
    repo.cli("commit", "-m", "x")
    assert repo.cli.json("log")[0]["message"] == "x"


def test_a_sample_and_a_file_that_is_not_executable_are_not_run(repo: Repo) -> None:
    _hook(repo, "pre-commit", "exit 1").chmod(0o644)
    repo.write("etc/new", "x")
    repo.commit("x")


def test_hooks_can_live_elsewhere(repo: Repo, workdir: Path) -> None:
    place = workdir / "hooks"
    place.mkdir()
    _hook(repo, "pre-commit", "exit 1").rename(place / "pre-commit")
    repo.cli("config", "core.hooksPath", str(place))
    repo.write("etc/new", "x")
    repo.cli.run("commit", "-m", "x", code=1)


def test_a_hook_may_call_layerctl(repo: Repo) -> None:
    """No deadlock with the verb that runs it."""
    path = repo.cli.env["PYTHONPATH"]
    _hook(repo, "post-commit", f"PYTHONPATH={path} {' '.join(COMMAND)} -C {repo.top} tag from-hook")
    repo.write("etc/new", "x")
    repo.cli("commit", "-m", "x", timeout=30)
    assert repo.head("from-hook") == repo.head()
