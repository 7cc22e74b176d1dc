"""``layerctl gc``: what a user sees of it, and gc beside other commands."""

from __future__ import annotations

import os

import pytest

from tests.conftest import Spawn
from tests.oracle import assert_same
from tests.support.cli import Repo, assert_no_crash


def test_it_says_what_would_go_then_what_went(repo: Repo) -> None:
    repo.write("srv/big", b"x" * 1_000_000)
    repo.cli("rollback", "HEAD")
    before = repo.recorded()
    looked = repo.cli("gc", "--dry-run", "--grace", "now")
    assert "1 parked write layer (1.0 MB)" in looked.stdout
    assert "Would free 1.0 MB" in looked.stdout
    assert repo.recorded() == before
    assert repo.cli("gc").lines == ["Nothing to free"]
    assert "Freed 1.0 MB" in repo.cli("gc", "--grace", "now").stdout
    assert repo.parked("srv/big") == set()
    assert repo.cli("-q", "gc").out == b""
    assert "gc let go" in repo.cli.fails(1, "undo").stderr
    assert "error" not in repo.git("fsck", "--strict")


@pytest.mark.parametrize(("code", "words"), [(2, ["--grace", "soon"]), (2, ["--grace", ""]), (2, ["now"])])
def test_wrong_words(repo: Repo, code: int, words: list[str]) -> None:
    repo.cli.fails(code, "gc", *words)


def test_its_config(repo: Repo) -> None:
    repo.write("srv/x", "x")
    repo.cli("rollback", "HEAD")
    repo.cli("config", "gc.parkedExpire", "now")
    assert repo.cli.json("gc", "--grace", "never")["parked"]["count"] == 0
    assert repo.cli.json("gc")["parked"]["count"] == 1


def test_commits_and_readers_beside_it_never_notice(repo: Repo, spawn: Spawn) -> None:
    repo.cli("config", "gc.reflogExpireUnreachable", "now")
    other = repo.checked_out("HEAD", "w")
    expected = []
    for number in range(3):
        repo.write("etc/new", str(number))
        (other / "etc/new").write_text(str(number))
        commands = [
            ["gc", "--grace", "now"],
            ["commit", "-m", f"a{number}"],
            ["commit", "-w", "w", "-m", f"b{number}"],
            ["log", "--stat"],
            ["show", "-p", "HEAD"],
        ]
        started = [spawn(repo.cli.start(*command, stdout=-1, stderr=-1)) for command in commands]
        for command, process in zip(commands, started, strict=True):
            _, err = process.communicate(timeout=90)
            assert_no_crash(err)
            assert process.returncode == 0, (command, err)
        expected.append(f"a{number}")
    repo.cli("gc", "--grace", "now")
    assert [entry["message"] for entry in reversed(repo.cli.json("log"))] == ["base", *expected]
    assert_same(repo.rootfs, repo.checked_out("HEAD", "again"))
    assert repo.cli.json("status", "-w", "w")["changes"] == []
    assert "error" not in repo.git("fsck", "--strict")


def test_temporary_files_of_killed_processes_go_once_they_are_old(repo: Repo) -> None:
    """libgit2 and Git each have names of their own for an object that is being written."""
    objects = repo.dot / "git/objects"
    old = [objects / "tmp_object_git2_00", objects / "pack/pack_git2_00", objects / "pack/tmp_pack_1"]
    young = objects / "tmp_object_git2_01"
    for path in (*old, young):
        path.write_text("begun")
    for path in old:
        os.utime(path, (1, 1))
    repo.cli("gc")
    assert [path for path in (*old, young) if path.exists()] == [young]


def test_fsck_knows_what_gc_wrote_and_a_repair_leaves_it(repo: Repo) -> None:
    repo.commit_file("srv/x", "x")
    repo.cli("rollback")
    repo.cli("gc", "--grace", "now")
    kept = (repo.dot / "journal/expired.json").read_bytes()
    assert repo.cli.json("fsck")["problems"] == []
    repo.cli("fsck", "--repair")
    assert (repo.dot / "journal/expired.json").read_bytes() == kept
    (repo.dot / "journal/expired.json").write_bytes(kept.replace(b"through", b"thruogh"))
    assert repo.cli.json("fsck", code=5)["problems"][0]["kind"] == "damaged-operation"


def test_a_lock_on_a_ref_that_a_killed_gc_was_deleting_goes(repo: Repo) -> None:
    repo.commit_file("srv/x", "x")
    repo.cli("rollback")
    lock = repo.dot / "git/refs/layerctl/operations/1-0.lock"
    lock.touch()
    repo.cli("gc", "--grace", "now")
    assert not lock.exists()
    repo.cli("fsck")
