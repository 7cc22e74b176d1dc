"""``layerctl worktree``: several rootfs out of one repository, each with changes of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.oracle import assert_same
from tests.support.cli import Repo
from tests.support.mounts import mount_at


def test_add_makes_another_rootfs(repo: Repo, busybox_rootfs: Path) -> None:
    at = repo.checked_out("HEAD", "second")
    assert_same(busybox_rootfs, at)


def test_add_has_a_place_of_its_own_by_default(repo: Repo) -> None:
    repo.cli("worktree", "add", "second", "HEAD")
    [second] = [worktree for worktree in repo.cli.json("worktree", "list") if worktree["name"] == "second"]
    assert second["mountpoint"] != str(repo.rootfs)
    assert (Path(second["mountpoint"]) / "bin/busybox").exists()


def test_worktrees_do_not_see_each_other(repo: Repo, busybox_rootfs: Path) -> None:
    at = repo.checked_out("HEAD", "second")
    repo.write("etc/here", "x")
    (at / "etc/there").touch()
    (at / "etc/motd").unlink()
    assert repo.changes() == {"etc/here": "A"}
    assert repo.changes("status", "-w", "second") == {"etc/there": "A", "etc/motd": "D"}


def test_a_commit_in_one_leaves_the_other_where_it_was(repo: Repo, busybox_rootfs: Path) -> None:
    at = repo.checked_out("HEAD", "second")
    repo.commit_file("etc/here", "x")
    assert_same(busybox_rootfs, at)
    assert repo.cli.json("status", "-w", "second")["head"] == repo.head("HEAD~1")


def test_a_worktree_of_a_new_place_in_history(repo: Repo, busybox_rootfs: Path) -> None:
    repo.commit_file("etc/here", "x")
    assert_same(busybox_rootfs, repo.checked_out("HEAD~1", "old"))


def test_list_json(repo: Repo) -> None:
    repo.checked_out("HEAD", "second")
    repo.write("etc/dirty", "x")
    default, second = sorted(repo.cli.json("worktree", "list"), key=lambda worktree: worktree["name"])
    assert set(default) == {"name", "head", "branch", "mountpoint", "mounted", "dirty", "container"}
    assert (default["name"], default["branch"], default["dirty"]) == ("default", "main", True)
    assert (second["name"], second["branch"], second["dirty"]) == ("second", None, False)
    assert default["mounted"] is True
    assert second["mountpoint"] == str(repo.top / "at-second")


def test_list_for_people_names_each(repo: Repo) -> None:
    repo.checked_out("HEAD", "second")
    printed = repo.cli("worktree", "list").stdout
    assert "default" in printed
    assert "second" in printed
    assert str(repo.top / "at-second") in printed


def test_list_says_what_is_not_mounted(repo: Repo) -> None:
    subprocess.run(["umount", repo.rootfs], check=True)
    [default] = repo.cli.json("worktree", "list")
    assert default["mounted"] is False


def test_remove_unmounts_and_forgets(repo: Repo) -> None:
    at = repo.checked_out("HEAD", "second")
    repo.cli("worktree", "remove", "second")
    assert mount_at(at) is None
    assert not (repo.dot / "worktrees/second").exists()
    assert [worktree["name"] for worktree in repo.cli.json("worktree", "list")] == ["default"]


def test_remove_with_changes_is_refused_unless_discard(repo: Repo) -> None:
    at = repo.checked_out("HEAD", "second")
    (at / "etc/new").write_text("x")
    repo.cli.fails(1, "worktree", "remove", "second")
    assert (at / "etc/new").read_text() == "x"
    repo.cli("worktree", "remove", "second", "--discard")
    assert mount_at(at) is None


def test_remove_of_a_worktree_with_a_running_container_is_refused(repo: Repo, spawn: Spawn) -> None:
    repo.checked_out("HEAD", "second")
    script = ["run", "-w", "second", "--", "sh", "-c", "echo up; sleep 600"]
    container = spawn(repo.cli.start(*script, stdout=subprocess.PIPE))
    assert container.stdout is not None
    assert container.stdout.readline() == b"up\n"
    repo.cli.fails(4, "worktree", "remove", "second")
    assert container.poll() is None


def test_a_commit_made_in_a_removed_worktree_is_kept(repo: Repo) -> None:
    at = repo.checked_out("HEAD", "second")
    (at / "etc/new").write_text("x")
    commit = repo.cli.json("commit", "-w", "second", "-m", "there")["commit"]
    repo.cli("tag", "there", commit)
    repo.cli("worktree", "remove", "second")
    assert repo.cli("show", "there:etc/new").out == b"x"


def test_a_removed_name_can_be_used_again(repo: Repo, busybox_rootfs: Path) -> None:
    repo.checked_out("HEAD", "second")
    repo.cli("worktree", "remove", "second")
    assert_same(busybox_rootfs, repo.checked_out("HEAD", "second"))


def test_a_name_that_exists_is_refused(repo: Repo) -> None:
    repo.checked_out("HEAD", "second")
    repo.cli.fails(4, "worktree", "add", "second", "HEAD", "--at", repo.top / "third")
    assert mount_at(repo.top / "third") is None


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".", "..", ".hidden", "new\nline"])
def test_names_that_are_no_names_are_usage(repo: Repo, name: str) -> None:
    assert repo.cli.run("worktree", "add", "--", name, "HEAD", check=False).code == 2
    assert not (repo.dot / "evil").exists()


@pytest.mark.parametrize("verb", [["status"], ["commit", "-m", "x"], ["diff"], ["rollback"], ["run", "true"]])
def test_an_unknown_worktree_is_not_found(repo: Repo, verb: list[str]) -> None:
    assert "nothing" in repo.cli.fails(3, verb[0], "-w", "nothing", *verb[1:]).stderr


def test_removing_an_unknown_worktree_is_not_found(repo: Repo) -> None:
    repo.cli.fails(3, "worktree", "remove", "nothing")


def test_the_working_directory_chooses_the_worktree(repo: Repo) -> None:
    at = repo.checked_out("HEAD", "second")
    document = repo.cli.json("--repo", repo.dot, "status", cwd=at / "etc")
    assert document["worktree"] == "second"


def test_the_environment_chooses_the_worktree(repo: Repo) -> None:
    repo.checked_out("HEAD", "second")
    assert repo.cli.json("status", env={"LAYERCTL_WORKTREE": "second"})["worktree"] == "second"
    assert repo.cli.json("-w", "default", "status", env={"LAYERCTL_WORKTREE": "second"})["worktree"] == "default"


def test_adding_at_a_place_in_use_is_refused_and_leaves_nothing(repo: Repo) -> None:
    (repo.top / "mine").mkdir()
    (repo.top / "mine/file").touch()
    repo.cli.fails(4, "worktree", "add", "second", "HEAD", "--at", repo.top / "mine")
    assert [worktree["name"] for worktree in repo.cli.json("worktree", "list")] == ["default"]
    assert not (repo.dot / "worktrees/second").exists()
