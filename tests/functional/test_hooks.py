"""Hooks as the verbs run them: Git's names and rules, and nothing changes when one says no."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.support.cli import Repo


@pytest.fixture(scope="module")
def dirty_repo(shared_repo: Repo) -> Repo:
    """One commit above the base, and something that is not committed; for tests in which nothing happens."""
    shared_repo.commit_file("srv/n", "1")
    shared_repo.write("etc/dirty", "x")
    return shared_repo


@pytest.mark.parametrize(
    ("hook", "verb"),
    [
        ("pre-commit", "commit -m x"),
        ("commit-msg", "commit -m x"),
        ("pre-checkout", "checkout --discard HEAD~1"),
        ("pre-checkout", "worktree add other"),
        ("pre-rollback", "rollback"),
        ("pre-run", "run -- touch /etc/ran"),
        ("reference-transaction", "commit -m x"),
        ("reference-transaction", "checkout --discard --at elsewhere -b new"),
        ("reference-transaction", "rollback"),
        ("reference-transaction", "tag new"),
        ("reference-transaction", "undo"),
        ("reference-transaction", "worktree add other"),
    ],
)
def test_a_hook_that_says_no_stops_the_verb_with_nothing_changed(dirty_repo: Repo, hook: str, verb: str) -> None:
    repo = dirty_repo
    before, files = repo.recorded(), sorted(repo.top.iterdir())
    script = repo.hook(hook, "echo because; exit 3")
    result = repo.cli.run(*verb.split(), code=1)
    script.unlink()
    assert result.stderr.splitlines()[:2] == [
        f"{hook}: because",
        f"layerctl: the hook {hook} refused (exit status 3)",
    ]
    after = repo.recorded()
    new = {name for name in after.keys() - before.keys() if "/git/objects/" not in name}  # which no ref leads to
    assert new == set()
    assert after.items() >= before.items()
    assert sorted(repo.top.iterdir()) == files
    assert repo.changes() == {"etc/dirty": "A"}
    assert (repo.rootfs / "srv/n").read_text() == "1"


def test_after_a_refusal_everything_goes_on(dirty_repo: Repo) -> None:
    script = dirty_repo.hook("reference-transaction", "exit 1")
    dirty_repo.cli.run("commit", "-m", "x", code=1)
    script.unlink()
    assert dirty_repo.commit("goes on")["layer"]["quiescence"] == "sealed"
    assert dirty_repo.changes() == {}
    dirty_repo.write("etc/dirty", "x")


@pytest.mark.parametrize("hook", ["pre-commit", "commit-msg"])
def test_no_verify_skips_it(hooked: Repo, hook: str) -> None:
    hooked.hook(hook, "exit 1")
    hooked.write("etc/new", "x")
    hooked.commit("x", "--no-verify")


def test_pre_commit_gets_the_changes_and_the_environment(hooked: Repo) -> None:
    hooked.hook("pre-commit", f"cat > {hooked.top}/stdin; env > {hooked.top}/env; pwd > {hooked.top}/pwd")
    hooked.write("etc/new", "x")
    hooked.commit("x")
    lines = [json.loads(line) for line in (hooked.top / "stdin").read_text().splitlines()]
    assert [line["kind"] for line in lines if line["path"].endswith("etc/new")] == ["A"]
    env = dict(line.split("=", 1) for line in (hooked.top / "env").read_text().splitlines() if "=" in line)
    assert env["LAYERCTL_REPO"] == str(hooked.dot)
    assert env["LAYERCTL_WORKTREE"] == "default"
    assert env["LAYERCTL_ROOTFS"] == str(hooked.rootfs)


def test_commit_msg_may_edit_the_message(hooked: Repo) -> None:
    hooked.hook("commit-msg", "echo 'Checked-by: hook' >> \"$1\"")
    hooked.write("etc/new", "x")
    hooked.commit("subject")
    assert "Checked-by: hook" in hooked.cli.json("log")[0]["message"]


def test_a_post_hook_that_fails_changes_nothing_that_was_done(hooked: Repo) -> None:
    hooked.hook("post-commit", "exit 1")
    hooked.write("etc/new", "x")
    hooked.cli("commit", "-m", "x")
    assert hooked.cli.json("log")[0]["message"] == "x"


def test_a_sample_and_a_file_that_is_not_executable_are_not_run(hooked: Repo) -> None:
    hooked.hook("pre-commit", "exit 1").chmod(0o644)
    hooked.write("etc/new", "x")
    hooked.commit("x")


@pytest.mark.parametrize("place", ["absolute", "relative"])
def test_hooks_can_live_elsewhere(hooked: Repo, place: str) -> None:
    folder = hooked.top / "team"
    folder.mkdir()
    hooked.hook("pre-commit", "exit 1").rename(folder / "pre-commit")
    hooked.cli("config", "core.hooksPath", str(folder) if place == "absolute" else "team")
    hooked.write("etc/new", "x")
    hooked.cli.run("commit", "-m", "x", code=1)


def test_several_hooks_of_an_event_run_in_order_until_one_refuses(hooked: Repo) -> None:
    hooked.hook("pre-commit", "echo first")
    hooked.hook("pre-commit.d/10-a", "echo second")
    hooked.hook("pre-commit.d/20-b", "echo third; exit 1")
    hooked.hook("pre-commit.d/30-c", "echo never")
    hooked.write("etc/new", "x")
    result = hooked.cli.run("commit", "-m", "x", code=1)
    assert result.stderr.splitlines()[:4] == [
        "pre-commit: first",
        "pre-commit.10-a: second",
        "pre-commit.20-b: third",
        "layerctl: the hook pre-commit.20-b refused (exit status 1)",
    ]
    assert str(hooked.dot / "hooks/pre-commit.d/20-b") in result.stderr
    assert "--no-verify" in result.stderr


def test_what_a_pre_commit_hook_changes_is_part_of_the_commit(hooked: Repo) -> None:
    """And the hook after it sees the changes as they are then."""
    hooked.hook("pre-commit.d/a", 'rm "$LAYERCTL_ROOTFS/srv/cache"; echo stamp > "$LAYERCTL_ROOTFS/etc/stamp"')
    hooked.hook("pre-commit.d/b", f"cat > {hooked.top}/seen")
    hooked.write("srv/cache", "big")
    hooked.write("srv/kept", "x")
    made = hooked.commit("x")
    assert made["layer"]["quiescence"] == "sealed"
    assert hooked.changes("diff", "HEAD~1", "HEAD").keys() == {"srv", "srv/kept", "etc/stamp"}
    assert hooked.changes() == {}
    seen = {json.loads(line)["path"] for line in (hooked.top / "seen").read_text().splitlines()}
    assert {"srv/kept", "etc/stamp"} <= seen
    assert "srv/cache" not in seen


def test_output_is_streamed_with_the_name_of_the_hook(hooked: Repo, spawn: Spawn) -> None:
    hooked.hook("pre-commit", "echo one; while ! [ -e go ]; do sleep 0.01; done; echo two >&2")
    hooked.write("etc/new", "x")
    process = spawn(hooked.cli.start("commit", "-m", "x", stderr=subprocess.PIPE, stdout=subprocess.DEVNULL))
    assert process.stderr is not None
    assert process.stderr.readline() == b"pre-commit: one\n"
    (hooked.top / "go").touch()
    assert process.stderr.read() == b"pre-commit: two\n"
    assert process.wait() == 0


def test_every_event_is_told_where_and_what(repo: Repo) -> None:
    """Event, arguments, old and new commit of a whole life; post-* hooks come after, pre-* before."""
    for event in ("checkout", "commit", "rollback", "run"):
        for when in ("pre", "post"):
            repo.hook(f"{when}-{event}", _NOTE)
    repo.hook("commit-msg", _NOTE)
    repo.hook("post-import", _NOTE)
    base = repo.head()
    one = repo.commit_file("srv/n", "1")["commit"]
    repo.cli("checkout", base)
    repo.cli("checkout", "main")
    repo.cli("rollback")
    repo.cli("run", "true")
    repo.cli("worktree", "add", "other", "--detach")
    repo.cli("import", repo.rootfs / "etc", "--branch", "etc")
    etc = repo.head("etc")
    assert (repo.top / "notes").read_text().splitlines() == [
        f"pre-commit default 0 {base}>",
        "commit-msg default 1 >",
        f"post-commit default 0 {base}>{one}",
        f"pre-checkout default 0 {one}>{base}",
        f"post-checkout default 0 {one}>{base}",
        f"pre-checkout default 0 {base}>{one}",
        f"post-checkout default 0 {base}>{one}",
        f"pre-rollback default 0 {one}>{base}",
        f"post-rollback default 0 {one}>{base}",
        "pre-run default 0 >",
        "post-run default 0 >",
        f"pre-checkout other 0 >{base}",
        f"post-checkout other 0 >{base}",
        f"post-import default 0 >{etc}",
    ]


_NOTE = 'echo "$LAYERCTL_HOOK $LAYERCTL_WORKTREE $# $LAYERCTL_OLD>$LAYERCTL_NEW" >> notes'


# ------------------------------------------------------------------------------------------- reference-transaction


def test_a_reference_transaction_is_asked_and_told(hooked: Repo) -> None:
    hooked.hook("reference-transaction", 'echo "$1" >> calls; cat >> calls')
    base = hooked.head()
    one = hooked.commit_file("srv/n", "1")["commit"]
    hooked.cli("tag", "v1")
    hooked.cli("tag", "-d", "v1")
    hooked.cli("rollback", "HEAD")  # moves no ref
    zero = "0" * 40
    lines = (hooked.top / "calls").read_text().splitlines()
    assert [line for line in lines if "refs/layerctl/" not in line] == [
        "prepared",
        f"{base} {one} refs/heads/main",
        "committed",
        f"{base} {one} refs/heads/main",
        "prepared",
        f"{zero} {one} refs/tags/v1",
        "committed",
        f"{zero} {one} refs/tags/v1",
        "prepared",
        f"{one} {zero} refs/tags/v1",
        "committed",
        f"{one} {zero} refs/tags/v1",
    ]
    assert f"{base} {one} refs/layerctl/worktrees/default" in lines


def test_a_reference_transaction_sees_the_state_before_and_after(hooked: Repo) -> None:
    hooked.hook("reference-transaction", 'layerctl log --oneline -n1 >> "seen-$1"')
    hooked.commit_file("srv/n", "1", "the new one")
    assert "base" in (hooked.top / "seen-prepared").read_text()
    assert "the new one" in (hooked.top / "seen-committed").read_text()


def test_a_reference_transaction_is_told_when_it_comes_to_nothing(hooked: Repo) -> None:
    """The hook moves the tag itself, with plain git, so that what it was asked about cannot happen any more."""
    hooked.hook(
        "reference-transaction",
        'echo "$1" >> calls; [ "$1" = aborted ] || git --git-dir .layerctl/git -c core.hooksPath=/dev/null tag v1',
    )
    hooked.cli.fails(4, "tag", "v1")
    assert (hooked.top / "calls").read_text().split() == ["prepared", "aborted"]


def test_only_prepared_can_be_refused(hooked: Repo) -> None:
    hooked.hook("reference-transaction", '[ "$1" != committed ] || exit 5')
    result = hooked.cli("tag", "v1")
    assert "reference-transaction: refused (exit status 5)" in result.stderr
    assert hooked.head("v1") == hooked.head()


# ------------------------------------------------------------------------------------------- calling layerctl inside


def test_a_post_hook_may_call_any_verb(hooked: Repo) -> None:
    hooked.hook("post-commit", "layerctl tag from-hook && layerctl rollback HEAD && echo x > rootfs/srv/y")
    hooked.commit_file("srv/n", "1")
    assert hooked.head("from-hook") == hooked.head()
    assert hooked.changes() == {"srv/y": "A"}


def test_a_pre_hook_may_look_and_name(hooked: Repo) -> None:
    hooked.hook(
        "pre-commit", "set -e; layerctl status; layerctl diff --name-status; layerctl log; layerctl tag before-it"
    )
    hooked.write("etc/new", "x")
    before = hooked.head()
    result = hooked.cli("commit", "-m", "x")
    assert "A\tetc/new" in result.stderr.replace("?", "\t")
    assert hooked.head("before-it") == before


@pytest.mark.parametrize(
    ("hook", "verb", "what"),
    [
        ("pre-commit", "commit -m inner", "the worktree 'default'"),
        ("pre-commit", "run true", "the worktree 'default'"),
        ("pre-rollback", "checkout HEAD~1", "the worktree 'default'"),
        ("reference-transaction", "tag inner", "this repository's lock"),
        ("reference-transaction", "rollback", "the worktree 'default'"),
    ],
)
def test_what_the_verb_holds_is_busy_at_once(hooked: Repo, hook: str, verb: str, what: str) -> None:
    """Not after thirty seconds of waiting for a command that waits for the hook."""
    hooked.commit_file("srv/n", "1")
    hooked.hook(hook, f'[ "$1" = committed ] || {{ layerctl {verb}; echo "status $?"; }}')
    hooked.write("srv/n", "2")
    start = time.monotonic()
    result = hooked.cli(*(["rollback"] if hook == "pre-rollback" else ["commit", "-m", "outer"]))
    assert time.monotonic() - start < 20
    assert "status 4" in result.stderr
    assert what in result.stderr
    assert "the one whose hook this is" in result.stderr


def test_a_hook_may_change_another_worktree(repo: Repo) -> None:
    repo.cli.on_path()
    other = repo.cli.json("worktree", "add", "other")["mountpoint"]
    Path(other, "etc/motd").write_text("changed")
    repo.hook("pre-commit", '[ "$LAYERCTL_WORKTREE" = other ] || layerctl -w other commit -m inner')
    repo.write("etc/new", "x")
    repo.commit("outer")
    assert [entry["message"] for entry in repo.cli.json("log", "--all", "-n", "2")] in (
        ["outer", "inner"],
        ["inner", "outer"],
    )
