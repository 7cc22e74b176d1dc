"""Revisions, which every verb takes, are written as in Git."""

from __future__ import annotations

import pytest

from tests.support.cli import Repo


@pytest.fixture(scope="module")
def history(shared_repo: Repo) -> Repo:
    """base — one — two, with an annotated tag at one and a branch at base."""
    shared_repo.commit_file("srv/n", "1", "one")
    shared_repo.cli("tag", "v1", "-m", "annotated")
    shared_repo.commit_file("srv/n", "2", "two")
    shared_repo.cli("branch", "topic/old", "HEAD~2")
    return shared_repo


@pytest.mark.parametrize(
    ("revision", "subject"),
    [
        ("HEAD", "two"),
        ("@", "two"),
        ("main", "two"),
        ("heads/main", "two"),
        ("refs/heads/main", "two"),
        ("topic/old", "base"),
        ("v1", "one"),
        ("tags/v1", "one"),
        ("v1^{commit}", "one"),
        ("v1^0", "one"),
        ("HEAD^", "one"),
        ("HEAD^^", "base"),
        ("HEAD~0", "two"),
        ("HEAD~2", "base"),
        ("v1~1", "base"),
        ("main@{1}", "one"),
        ("main@{0}~1", "one"),
    ],
)
def test_a_revision_names_the_commit_that_git_finds(history: Repo, revision: str, subject: str) -> None:
    [commit] = history.cli.json("log", "-n", "1", revision)
    assert commit["message"] == subject
    assert commit["commit"] == history.head(f"{revision}^{{commit}}")


@pytest.mark.parametrize("length", [4, 7, 12, 40])
def test_a_commit_id_can_be_shortened(history: Repo, length: int) -> None:
    head = history.head()
    assert history.cli.json("log", "-n", "1", head[:length])[0]["commit"] == head
    assert history.cli.json("log", "-n", "1", head[:length].upper())[0]["commit"] == head


@pytest.mark.parametrize("verb", ["show", "checkout", "diff", "log", "rollback"])
@pytest.mark.parametrize("revision", ["nonsense", "HEAD~9"])
def test_an_unknown_revision_is_not_found(history: Repo, verb: str, revision: str) -> None:
    assert revision in history.cli.fails(3, verb, revision).stderr


@pytest.mark.parametrize("revision", ["v2", "deadbeef", "main@{77}", "HEAD^2", "", "v1^{tree}x", "-"])
def test_what_is_no_revision_is_not_found_or_usage(history: Repo, revision: str) -> None:
    result = history.cli.run("checkout", "--", revision, check=False)
    assert result.code in (2, 3), str(result)
    assert history.cli.json("status")["branch"] == "main"


def test_the_tree_of_a_commit_is_no_revision(history: Repo) -> None:
    history.cli.fails(3, "checkout", history.head("HEAD^{tree}"))
