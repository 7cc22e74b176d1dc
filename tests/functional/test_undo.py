"""``layerctl undo`` and ``op log``: every operation can be taken back, write layers included."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.oracle import assert_same
from tests.support.cli import Repo


def test_undo_of_a_rollback_brings_back_uncommitted_work(repo: Repo) -> None:
    repo.commit_file("srv/n", "1")
    repo.write("etc/precious", "precious")
    (repo.rootfs / "etc/motd").unlink()
    before, head = repo.listing(), repo.head()
    repo.cli("rollback")
    repo.cli("undo")
    assert repo.head() == head
    assert_same(before, repo.rootfs)
    assert repo.changes() == {"etc/precious": "A", "etc/motd": "D"}


def test_undo_of_an_undo_is_a_redo(repo: Repo, busybox_rootfs: Path) -> None:
    repo.commit_file("srv/n", "1")
    repo.cli("rollback")
    repo.cli("undo")
    repo.cli("undo")
    assert_same(busybox_rootfs, repo.rootfs)


def test_undo_of_a_commit_gives_back_the_write_layer(repo: Repo) -> None:
    head = repo.head()
    repo.write("etc/new", "x")
    before = repo.listing()
    repo.commit("oops")
    repo.cli("undo")
    assert repo.head() == head
    assert repo.changes() == {"etc/new": "A"}
    assert_same(before, repo.rootfs)


@pytest.mark.parametrize("verb", [["tag", "v1"], ["branch", "b"], ["tag", "-d", "old"], ["branch", "-d", "gone"]])
def test_undo_of_a_moved_ref(repo: Repo, verb: list[str]) -> None:
    repo.cli("tag", "old")
    repo.cli("branch", "gone")
    before = repo.git("for-each-ref", "refs/heads", "refs/tags")
    repo.cli(*verb)
    assert repo.git("for-each-ref", "refs/heads", "refs/tags") != before
    repo.cli("undo")
    assert repo.git("for-each-ref", "refs/heads", "refs/tags") == before


def test_undo_of_a_checkout(repo: Repo) -> None:
    repo.commit_file("srv/n", "1")
    before = repo.listing()
    repo.cli("checkout", "HEAD~1")
    repo.cli("undo")
    assert repo.cli.json("status")["branch"] == "main"
    assert_same(before, repo.rootfs)


def test_op_log_names_every_operation_newest_first(repo: Repo) -> None:
    repo.commit_file("srv/n", "1")
    repo.cli("tag", "v1")
    repo.cli("rollback")
    verbs = " ".join(repo.cli("op", "log").lines)
    order = [verbs.index(word) for word in ("rollback", "tag", "commit", "checkout", "import")]
    assert order == sorted(order)


def test_nothing_to_undo_is_exit_one(empty_repo: Repo) -> None:
    empty_repo.cli.fails(1, "undo")
