"""``layerctl log``: the history, newest first, in every form the contract names."""

from __future__ import annotations

import json
import re
from datetime import datetime

import pytest

from tests.support.cli import Repo, assert_no_crash


@pytest.fixture(scope="module")
def history(shared_repo: Repo) -> Repo:
    """base — one — two on main; base — side on a branch; v1 at one. Only to be looked at."""
    repo = shared_repo
    repo.commit_file("etc/one", "1", "one\n\nthe body of one")
    repo.cli("tag", "v1")
    repo.commit_file("etc/two", "22", "two")
    repo.cli("checkout", "-b", "side", "HEAD~2")
    repo.commit_file("etc/side", "s", "side")
    repo.cli("checkout", "main")
    return repo


def _subjects(repo: Repo, *args: str) -> list[str]:
    return [commit["message"].split("\n")[0] for commit in repo.cli.json("log", *args)]


def test_newest_first(history: Repo) -> None:
    assert _subjects(history) == ["two", "one", "base"]


def test_log_for_people_names_commit_author_date_and_message(history: Repo) -> None:
    printed = history.cli("log").stdout
    assert history.head() in printed
    assert "Test Author <author@example.org>" in printed
    assert "the body of one" in printed
    assert printed.index("two") < printed.index("the body of one") < printed.index("base")


def test_oneline(history: Repo) -> None:
    lines = history.cli("log", "--oneline").lines
    assert len(lines) == 3
    assert re.match(r"[0-9a-f]{7,} .*two$", lines[0])
    assert history.head().startswith(lines[0].split()[0])


def test_a_number_limits(history: Repo) -> None:
    assert _subjects(history, "-n", "2") == ["two", "one"]
    assert len(history.cli("log", "--oneline", "-n", "1").lines) == 1


@pytest.mark.parametrize(
    ("revisions", "subjects"),
    [
        (["v1"], ["one", "base"]),
        (["HEAD~2..HEAD"], ["two", "one"]),
        (["v1.."], ["two"]),
        (["main..side"], ["side"]),
        (["side..main"], ["two", "one"]),
        (["HEAD..HEAD"], []),
    ],
)
def test_ranges(history: Repo, revisions: list[str], subjects: list[str]) -> None:
    assert _subjects(history, *revisions) == subjects


def test_all_shows_every_branch(history: Repo) -> None:
    assert sorted(_subjects(history, "--all")) == ["base", "one", "side", "two"]


def test_graph_draws_the_fork(history: Repo) -> None:
    printed = history.cli("log", "--graph", "--all", "--oneline").stdout
    assert printed.count("*") == 4
    assert "|" in printed


def test_stat_counts_what_changed(history: Repo) -> None:
    printed = history.cli("log", "--stat", "-n", "1").stdout
    assert "etc/two" in printed
    assert re.search(r"\b1\b", printed)


@pytest.mark.parametrize("path", ["etc/two", "/etc/two"])
def test_paths_select_the_commits_that_touched_them(history: Repo, path: str) -> None:
    assert _subjects(history, "--", path) == ["two"]


def test_a_directory_selects_what_changed_below_it(history: Repo) -> None:
    assert _subjects(history, "--", "etc") == ["two", "one", "base"]
    assert _subjects(history, "--", "usr") == ["base"]


def test_log_json(history: Repo) -> None:
    two, one, base = history.cli.json("log")
    assert set(two) == {"commit", "parents", "refs", "author", "date", "message", "layer"}
    assert two["commit"] == history.head()
    assert two["parents"] == [one["commit"]]
    assert base["parents"] == []
    assert "main" in " ".join(two["refs"])
    assert "v1" in " ".join(one["refs"])
    assert one["author"] == {"name": "Test Author", "email": "author@example.org"}
    assert one["message"] == "one\n\nthe body of one"
    assert set(two["layer"]) >= {"id", "bytes", "added", "modified", "deleted", "quiescence"}
    assert (two["layer"]["bytes"], two["layer"]["added"]) == (2, 1)
    assert datetime.fromisoformat(two["date"]).tzinfo is not None


def test_refs_are_shown_beside_their_commits(history: Repo) -> None:
    tagged = [line for line in history.cli("log", "--oneline").lines if "one" in line]
    assert "v1" in tagged[0]
    assert "main" in history.cli("log", "--oneline").lines[0]


def test_the_log_is_what_plain_git_says(history: Repo) -> None:
    assert [commit["commit"] for commit in history.cli.json("log")] == history.git("rev-list", "main").split()


def test_an_unknown_revision_is_not_found(history: Repo) -> None:
    history.cli.fails(3, "log", "nonsense")
    history.cli.fails(3, "log", "main..nonsense")


def test_before_the_first_import_there_is_nothing(empty_repo: Repo) -> None:
    result = empty_repo.cli.run("--json", "log", check=False)
    assert (result.code, result.out.strip()) in ((0, b"[]"), (3, b"")) or json.loads(result.out)


def test_no_pager_and_no_colour_when_piped(history: Repo) -> None:
    env = {"PAGER": "sh -c 'echo PAGED; cat'", "LAYERCTL_PAGER": "sh -c 'echo PAGED; cat'"}
    printed = history.cli("log", env=env).out
    assert b"\x1b[" not in printed
    assert b"PAGED" not in printed


def test_a_reader_that_goes_away_is_no_error(history: Repo) -> None:
    process = history.cli.start("log", "--stat", stdout=-1, stderr=-1)
    process.stdout.close()
    _, err = process.communicate(timeout=30)
    assert_no_crash(err)
    assert b"BrokenPipe" not in err


@pytest.mark.parametrize(
    ("words", "count"), [(["-2"], 2), (["-n", "2"], 2), (["-n2"], 2), (["-n", "0"], 0), (["-n", "-1"], None)]
)
def test_a_number_of_commits_is_what_git_takes_it_for(history: Repo, words: list[str], count: int | None) -> None:
    lines = history.cli("log", "--oneline", *words).lines
    assert len(lines) == len(history.git("log", "--oneline", *words).splitlines())
    assert count is None or len(lines) == count
