"""``layerctl try``: a command on a copy of the rootfs; kept whole, or as if it had never been."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.oracle import assert_same
from tests.support.cli import Repo
from tests.support.mounts import mounts_below

BREAK = "rm -r /usr/lib /etc/motd; mkdir /etc/motd; echo x > /etc/new; ln /etc/new /etc/newer; chmod 700 /etc"


def answer(repo: Repo, text: str, *args: str) -> tuple[int, str]:
    """Runs a command on a terminal, and types an answer when it is asked."""
    own, theirs = pty.openpty()
    process = repo.cli.start(*args, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(own, 4096)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
        if b"[y/N]" in shown and text:
            os.write(own, text.encode() + b"\n")
            text = ""
    os.close(own)
    return process.wait(timeout=60), shown.decode()


def test_no_leaves_everything_as_it_was(repo: Repo, spawn: Spawn) -> None:
    """With uncommitted changes, and a shell in the rootfs that notices nothing."""
    subprocess.run(["sh", "-euc", "echo mine > etc/mine; rm etc/secret; ln etc/mine mine"], cwd=repo.rootfs, check=True)
    shell = spawn(["sh"], cwd=repo.rootfs / "etc", stdin=subprocess.PIPE)
    before, recorded, mounts = repo.listing(), repo.recorded(), mounts_below(repo.top)
    result = repo.cli("try", "--no", "--", "sh", "-c", f"cat /etc/mine /mine; ls /etc/secret; {BREAK}")
    assert result.lines[:2] == ["mine", "mine"]
    assert "/etc/secret" in result.stderr
    assert [line.split()[:2] for line in result.lines[2:5]] == [["M", "etc/"], ["T", "etc/motd/"], ["A", "etc/new"]]
    assert "etc/mine" not in " ".join(result.lines[2:])
    assert_same(before, repo.rootfs)
    assert repo.recorded() == recorded
    assert mounts_below(repo.top) == mounts
    shell.communicate(b"echo still > here\n")
    assert (repo.rootfs / "etc/here").read_text() == "still\n"


def test_yes_commits_what_was_there_and_what_came(repo: Repo) -> None:
    repo.write("etc/mine", "mine")
    before = repo.listing()
    document = repo.cli.json(
        "try", "--yes", "-m", "break it", "--", "sh", "-c", f"echo out; {BREAK}; echo 2 > /etc/mine"
    )
    assert (document["status"], document["commit"], document["branch"]) == (0, repo.head(), "main")
    assert ("etc/mine", "M") in {(change["path"], change["kind"]) for change in document["changes"]}
    assert repo.cli.json("log")[0]["message"] == "break it"
    assert repo.cli.json("status")["changes"] == []
    assert (repo.rootfs / "etc/mine").read_text() == "2\n"
    assert (repo.rootfs / "etc/motd").is_dir()
    assert not (repo.rootfs / "usr/lib").exists()
    assert frozenset({b"etc/new", b"etc/newer"}) in repo.listing().links
    assert not {
        change for change in repo.changes("diff", "HEAD~1", "HEAD") if change.startswith(("dev", "proc", "sys"))
    }
    assert_same(repo.listing(), repo.checked_out("HEAD", "w"))
    repo.cli("worktree", "remove", "w")
    repo.cli("undo")
    repo.cli("rollback", "HEAD~1")
    assert_same(repo.listing(), before.select(lambda path: path != b"etc/mine"), ignore=["mtime_ns"])


def test_undo_brings_the_rootfs_back(repo: Repo) -> None:
    repo.write("etc/mine", "mine")
    before = repo.listing()
    repo.cli("try", "-y", "sh", "-c", BREAK)
    assert repo.cli.json("log")[0]["message"].startswith("Run sh -c ")
    repo.cli("undo")
    assert_same(before, repo.rootfs)
    assert repo.changes() == {"etc/mine": "A"}
    assert list((repo.dot / "tmp").iterdir()) == []


def test_a_failing_command_is_never_kept_unasked(repo: Repo) -> None:
    recorded = repo.recorded()
    assert repo.cli.run("try", "--yes", "sh", "-c", "echo x > /etc/new; exit 7", code=7).lines == ["A  etc/new    2 B"]
    assert repo.cli.run("try", "--no", "sh", "-c", "exit 3", code=3).lines == []
    assert repo.cli.run("try", "--yes", "/bin/gone", code=127).stderr != ""
    assert "Nothing changed" in repo.cli("try", "--yes", "true").stderr
    assert repo.recorded() == recorded
    assert not (repo.rootfs / "etc/new").exists()


@pytest.mark.parametrize(("text", "status", "kept"), [("y", 0, True), ("n", 1, False), ("\x04", 1, False)])
def test_on_a_terminal_it_asks(repo: Repo, text: str, status: int, kept: bool) -> None:
    code, shown = answer(repo, text, "try", "sh", "-c", "echo x > /etc/new")
    assert "Commit this? [y/N]" in shown
    assert "etc/new" in shown
    assert (code, (repo.rootfs / "etc/new").exists()) == (status, kept)
    assert repo.changes() == {}


def test_pre_commit_sees_the_candidate(repo: Repo) -> None:
    hook = repo.dot / "hooks/pre-commit"
    hook.write_text(
        """#!/bin/sh
        grep -q etc/new && [ -e "$LAYERCTL_ROOTFS/etc/new" ] && exit 1
        echo y > "$LAYERCTL_ROOTFS/etc/by-hook"
        """
    )
    hook.chmod(0o755)
    repo.cli.run("try", "--yes", "sh", "-c", "echo x > /etc/new", code=1)
    assert len(repo.cli.json("log")) == 1
    repo.cli("try", "--yes", "sh", "-c", "echo x > /etc/other")
    assert (repo.rootfs / "etc/by-hook").read_text() == "y\n"
    assert repo.changes() == {}


def test_wrong_calls(repo: Repo, tmp_path: Path) -> None:
    repo.cli.fails(2, "try", "true")
    repo.cli.fails(2, "try", "--yes", "--no", "true")
    repo.cli.fails(2, "try", "--yes")
    repo.cli.fails(2, "try", "--no", "--network", "moon", "true")
