"""``layerctl branch``: as Git."""

from __future__ import annotations

import pytest

from tests.support.cli import Repo


def test_the_current_branch_is_marked(repo: Repo) -> None:
    repo.cli("branch", "other")
    assert repo.cli("branch").lines == ["* main", "  other"]


def test_a_branch_starts_at_head(repo: Repo) -> None:
    repo.cli("branch", "other")
    assert repo.head("refs/heads/other") == repo.head()
    assert repo.cli.json("status")["branch"] == "main"


def test_a_branch_starts_at_a_revision(repo: Repo) -> None:
    repo.commit_file("etc/new", "x")
    repo.cli("branch", "old", "HEAD~1")
    assert repo.head("old") == repo.head("HEAD~1")


def test_delete_of_a_merged_branch(repo: Repo) -> None:
    repo.cli("branch", "other")
    repo.cli("branch", "-d", "other")
    assert repo.cli("branch").lines == ["* main"]


def test_delete_of_unmerged_work_needs_force(repo: Repo) -> None:
    repo.cli("checkout", "-b", "side")
    repo.commit_file("etc/side", "x")
    repo.cli("checkout", "main")
    result = repo.cli.run("branch", "-d", "side", check=False)
    assert result.code in (1, 4)
    assert "  side" in repo.cli("branch").lines
    repo.cli("branch", "-d", "-f", "side")
    assert repo.cli("branch").lines == ["* main"]


def test_the_checked_out_branch_cannot_be_deleted(repo: Repo) -> None:
    repo.cli.fails(4, "branch", "-d", "main")
    repo.cli.fails(4, "branch", "-d", "-f", "main")
    assert repo.cli("branch").lines == ["* main"]


def test_an_existing_branch_is_kept_unless_forced(repo: Repo) -> None:
    repo.cli("branch", "other")
    old = repo.head("other")
    repo.commit_file("etc/new", "x")
    repo.cli.fails(4, "branch", "other")
    assert repo.head("other") == old
    repo.cli("branch", "-f", "other")
    assert repo.head("other") == repo.head()


def test_forcing_a_checked_out_branch_is_refused(repo: Repo) -> None:
    repo.commit_file("etc/new", "x")
    head = repo.head()
    repo.cli.fails(4, "branch", "-f", "main", "HEAD~1")
    assert repo.head("main") == head


def test_deleting_what_is_not_there_is_not_found(repo: Repo) -> None:
    repo.cli.fails(3, "branch", "-d", "nothing")


def test_a_branch_at_an_unknown_revision_is_not_found(repo: Repo) -> None:
    repo.cli.fails(3, "branch", "other", "nonsense")


@pytest.mark.parametrize("name", ["a..b", "with space", "end.lock", "HEAD"])
def test_names_that_git_refuses_are_usage(repo: Repo, name: str) -> None:
    assert repo.cli.run("branch", name, check=False).code == 2


def test_branches_as_json(repo: Repo) -> None:
    repo.cli("branch", "other")
    assert "other" in repo.cli("--json", "branch").stdout
    assert repo.cli.json("branch")


def test_a_detached_head_is_listed_as_no_branch(repo: Repo) -> None:
    repo.cli("checkout", "--detach")
    lines = repo.cli("branch").lines
    assert "  main" in lines
    assert not any(line == "* main" for line in lines)
