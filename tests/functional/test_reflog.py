"""``layerctl reflog``: where a ref has been."""

from __future__ import annotations

import re

from tests.support.cli import Repo


def test_every_move_of_head_newest_first(repo: Repo) -> None:
    repo.commit_file("etc/one", "1", "first change")
    repo.commit_file("etc/one", "2", "second change")
    lines = repo.cli("reflog").lines
    assert re.match(r"[0-9a-f]{7,} .*@\{0\}.*second change", lines[0])
    assert "first change" in lines[1]
    assert "@{1}" in lines[1]


def test_the_reflog_of_a_branch(repo: Repo) -> None:
    repo.cli("branch", "other")
    repo.commit_file("etc/one", "1", "on main")
    assert "on main" in repo.cli("reflog", "main").lines[0]
    assert "on main" not in repo.cli("reflog", "other").stdout


def test_an_entry_can_be_used_as_a_revision(repo: Repo) -> None:
    old = repo.head()
    repo.commit_file("etc/one", "1")
    assert repo.cli.json("log", "-n", "1", "main@{1}")[0]["commit"] == old


def test_a_commit_lost_by_rollback_is_found_again(repo: Repo) -> None:
    lost = repo.commit_file("etc/one", "precious")["commit"]
    repo.cli("rollback")
    assert repo.head("main@{1}") == lost
    repo.cli("checkout", "main@{1}")
    assert (repo.rootfs / "etc/one").read_text() == "precious"


def test_plain_git_reads_the_same_reflog(repo: Repo) -> None:
    repo.commit_file("etc/one", "1", "a change")
    assert "a change" in repo.git("reflog", "main").splitlines()[0]


def test_the_reflog_of_an_unknown_ref_is_not_found(repo: Repo) -> None:
    repo.cli.fails(3, "reflog", "nonsense")


def test_reflog_as_json(repo: Repo) -> None:
    repo.commit_file("etc/one", "1", "a change")
    entries = repo.cli.json("reflog")
    assert len(entries) >= 2
    assert "a change" in str(entries[0])
