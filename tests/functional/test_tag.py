"""``layerctl tag``: as Git."""

from __future__ import annotations

import pytest

from tests.support.cli import Repo


def test_a_tag_names_head(repo: Repo) -> None:
    repo.cli("tag", "v1")
    assert repo.git("rev-parse", "refs/tags/v1").strip() == repo.head()


def test_a_tag_of_another_revision(repo: Repo) -> None:
    repo.commit_file("etc/new", "x")
    repo.cli("tag", "v0", "HEAD~1")
    assert repo.head("v0") == repo.head("HEAD~1")


def test_tags_are_listed_one_a_line_sorted(repo: Repo) -> None:
    for name in ("v2", "v1", "nested/name"):
        repo.cli("tag", name)
    assert repo.cli("tag").lines == ["nested/name", "v1", "v2"]


def test_no_tags_print_nothing(repo: Repo) -> None:
    assert repo.cli("tag").out == b""


def test_an_annotated_tag_keeps_its_message(repo: Repo) -> None:
    repo.cli("tag", "v1", "-m", "first release")
    assert repo.git("cat-file", "-t", "v1").strip() == "tag"
    assert "first release" in repo.git("cat-file", "-p", "v1")
    assert repo.cli.json("log", "v1")[0]["commit"] == repo.head()


def test_delete(repo: Repo) -> None:
    repo.cli("tag", "v1")
    repo.cli("tag", "-d", "v1")
    assert repo.cli("tag").out == b""


def test_deleting_what_is_not_there_is_not_found(repo: Repo) -> None:
    repo.cli.fails(3, "tag", "-d", "v1")


def test_an_existing_tag_is_kept_unless_forced(repo: Repo) -> None:
    repo.cli("tag", "v1")
    old = repo.head("v1")
    repo.commit_file("etc/new", "x")
    repo.cli.fails(4, "tag", "v1")
    assert repo.head("v1") == old
    repo.cli("tag", "-f", "v1")
    assert repo.head("v1") == repo.head()


def test_a_tag_of_an_unknown_revision_is_not_found(repo: Repo) -> None:
    repo.cli.fails(3, "tag", "v1", "nonsense")
    assert repo.cli("tag").out == b""


@pytest.mark.parametrize("name", ["a..b", "with space", "-dash", "end.lock", "a//b", "tilde~1", "col:on"])
def test_names_that_git_refuses_are_usage(repo: Repo, name: str) -> None:
    assert repo.cli.run("tag", "--", name, check=False).code == 2
    assert repo.cli("tag").out == b""


def test_tags_as_json(repo: Repo) -> None:
    repo.cli("tag", "v1")
    assert "v1" in repo.cli("--json", "tag").stdout
    assert repo.cli.json("tag")
