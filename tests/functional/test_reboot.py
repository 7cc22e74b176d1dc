"""A reboot takes every mount and every process away, and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.oracle import assert_same
from tests.support.cli import Repo
from tests.support.mounts import kill_containers, mount_at, unmount_below


def _reboot(repo: Repo) -> None:
    """As the kernel sees one: no process, no mount, an empty /run."""
    kill_containers(repo.top)
    unmount_below(repo.top, lazily=True)
    shutil.rmtree(repo.runtime_state, ignore_errors=True)
    assert mount_at(repo.rootfs) is None


@pytest.mark.parametrize(
    "verb",
    [["status"], ["diff"], ["checkout"], ["run", "--", "true"]],
    ids=lambda verb: verb[0],
)
def test_the_next_verb_that_needs_the_mount_makes_it_again(repo: Repo, verb: list[str]) -> None:
    repo.commit_file("srv/n", "1")
    repo.write("etc/dirty", "x")
    (repo.rootfs / "etc/motd").unlink()
    before = repo.listing()
    _reboot(repo)
    repo.cli(*verb)
    assert repo.changes() == {"etc/dirty": "A", "etc/motd": "D"}
    repo.cli("checkout")
    assert_same(before, repo.rootfs)


def test_a_commit_after_a_reboot_has_everything(repo: Repo) -> None:
    repo.write("etc/dirty", "x")
    (repo.rootfs / "etc/motd").unlink()
    before = repo.listing()
    _reboot(repo)
    repo.commit("after the reboot")
    assert_same(before, repo.checked_out("HEAD", "w"))
    repo.cli("checkout")
    assert_same(before, repo.rootfs)


def test_a_rollback_after_a_reboot(repo: Repo, busybox_rootfs: Path) -> None:
    repo.commit_file("srv/n", "1")
    repo.write("etc/precious", "precious")
    _reboot(repo)
    repo.cli("rollback")
    assert_same(busybox_rootfs, repo.rootfs)
    assert repo.parked("etc/precious") == {"precious"}


def test_a_reboot_after_busy_commits(repo: Repo, spawn: Spawn) -> None:
    """HEAD has moved on while the mount stayed on its old base; the write layer is against that base."""
    sitter = spawn(["sleep", "600"], cwd=repo.rootfs)
    repo.commit_file("srv/one", "1")
    repo.commit_file("srv/two", "2")
    (repo.rootfs / "srv/one").unlink()
    repo.write("etc/dirty", "x")
    before = repo.listing()
    sitter.kill()
    sitter.wait()
    _reboot(repo)
    repo.cli("checkout")
    assert_same(before, repo.rootfs)
    assert repo.changes() == {"srv/one": "D", "etc/dirty": "A"}


def test_every_worktree_comes_back(repo: Repo) -> None:
    at = repo.checked_out("HEAD", "w")
    (at / "etc/there").write_text("x")
    _reboot(repo)
    assert repo.changes("status", "-w", "w") == {"etc/there": "A"}
    repo.cli("run", "-w", "w", "--", "true")
    assert (at / "etc/there").read_text() == "x"


def test_a_running_container_at_the_reboot_is_forgotten(repo: Repo, spawn: Spawn) -> None:
    container = spawn(repo.cli.start("run", "--", "sh", "-c", "echo x > /etc/dirty; echo up; sleep 600", stdout=-1))
    assert container.stdout is not None
    assert container.stdout.readline() == b"up\n"
    container.kill()
    container.wait()
    _reboot(repo)
    assert repo.cli.json("status")["container"] is None
    repo.cli("rollback", "HEAD")
    assert not (repo.rootfs / "etc/dirty").exists()


def test_a_mount_point_that_somebody_filled_meanwhile_is_not_covered(repo: Repo) -> None:
    """After a reboot the bare directory is open to everyone: files written there must not vanish below a mount."""
    _reboot(repo)
    (repo.rootfs / "stray").write_text("stray")
    result = repo.cli.run("checkout", check=False)
    assert result.code == 4, str(result)
    assert os.listdir(repo.rootfs) == ["stray"]
    (repo.rootfs / "stray").unlink()
    repo.cli("checkout")
    assert (repo.rootfs / "etc").is_dir()
