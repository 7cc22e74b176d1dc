"""``layerctl revert``: one commit's change taken back by a new commit, whole or not at all."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.oracle import assert_same, listing
from tests.support.cli import Repo
from tests.support.mounts import mounts_below


def sh(repo: Repo, script: str) -> None:
    subprocess.run(["sh", "-euc", script], cwd=repo.rootfs, check=True)


def test_a_commit_of_everything_is_taken_back(repo: Repo, busybox_rootfs: Path) -> None:
    """Deleted trees, types, links, attributes: what the commit did, backwards."""
    sh(
        repo,
        """
        rm -rf odd usr/lib bin/sh; mkdir usr/lib; echo new > usr/lib/new; ln usr/lib/new usr/lib/newer
        rm etc/motd; mkdir etc/motd; rm -r home; ln -s /root home; chown 5:5 etc/secret
        """,
    )
    repo.commit("break it")
    broken = repo.listing()
    document = repo.cli.json("revert", "HEAD")
    assert document["reverted"] == repo.head("HEAD~1")
    assert document["commit"] == repo.head()
    assert {change["kind"] for change in document["changes"]} == {"A", "M", "D", "T"}
    assert_same(busybox_rootfs, repo.rootfs)
    assert repo.cli.json("status")["changes"] == []
    assert repo.cli.json("log")[0]["message"] == f'Revert "break it"\n\nThis reverts commit {repo.head("HEAD~1")}.'
    repo.cli("undo")
    assert_same(broken, repo.rootfs)
    assert len(repo.cli.json("log")) == 2
    assert mounts_below(repo.dot) == []
    assert repo.cli.json("status")["changes"] == []
    assert_same(busybox_rootfs, repo.checked_out("main@{1}", "w"))


def test_an_older_commit_is_taken_back_and_what_came_later_stays(repo: Repo) -> None:
    sh(repo, "mkdir srv; echo 1 > srv/one; echo 1 > etc/motd; rm etc/secret")
    repo.commit("one")
    sh(repo, "echo 2 > srv/two; echo 2 > etc/two; chmod 700 etc")
    repo.commit("two")
    result = repo.cli("revert", "-m", "not one", "HEAD~1")
    assert result.lines[0] == f"[main {repo.head()[:7]}] not one"
    assert sorted(path.name for path in (repo.rootfs / "srv").iterdir()) == ["two"]
    assert (repo.rootfs / "etc/motd").read_text().startswith("welcome")
    assert (repo.rootfs / "etc/secret").read_text() == "hush\n"
    assert (repo.rootfs / "etc/two").read_text() == "2\n"
    assert (repo.rootfs / "etc").stat().st_mode & 0o777 == 0o700
    repo.cli("revert", "-q", "HEAD")
    assert (repo.rootfs / "srv/one").read_text() == "1\n"
    assert not (repo.rootfs / "etc/secret").exists()


def test_conflicts_are_listed_and_nothing_is_done(repo: Repo) -> None:
    sh(repo, "echo 1 > etc/motd; echo 1 > etc/hostname; mkdir srv; echo 1 > srv/a; echo 1 > etc/other")
    repo.commit("one")
    sh(repo, "echo 2 > etc/motd; echo 2 > srv/a; rm etc/hostname")
    repo.commit("two")
    repo.write("etc/new", "kept")
    before, recorded = repo.listing(), repo.recorded()
    result = repo.cli.fails(4, "revert", "HEAD~1")
    assert "changed again since then: /etc/hostname, /etc/motd, /srv/a" in result.stderr
    failed = repo.cli.run("--json", "revert", "HEAD~1", code=4)
    assert b'"path-conflict"' in failed.err
    assert b'"paths": ["/etc/hostname", "/etc/motd", "/srv/a"]' in failed.err
    assert_same(before, repo.rootfs)
    assert repo.recorded() == recorded


def test_uncommitted_changes_elsewhere_stay(repo: Repo) -> None:
    sh(repo, "echo 1 > etc/motd; echo 1 > etc/one")
    repo.commit("one")
    sh(repo, "echo mine > etc/mine; ln etc/mine etc/mine2; rm etc/secret; setfattr -n user.k -v v etc/mine")
    mine = listing(repo.rootfs).nodes[b"etc/mine"]
    repo.cli("revert", "HEAD")
    assert repo.changes() == {"etc/mine": "A", "etc/mine2": "A", "etc/secret": "D"}
    assert repo.listing().nodes[b"etc/mine"] == mine
    assert (repo.rootfs / "etc/motd").read_text().startswith("welcome")
    repo.write("etc/motd", "mine too")
    before, recorded = repo.listing(), repo.recorded()
    result = repo.cli.fails(4, "revert", "HEAD")
    assert "uncommitted changes are in the way: /etc/motd" in result.stderr
    assert_same(before, repo.rootfs)
    assert repo.recorded() == recorded


def test_no_commit_leaves_it_uncommitted(repo: Repo) -> None:
    repo.commit_file("etc/motd", "1", "one")
    repo.commit_file("etc/two", "2", "two")
    head = repo.head()
    assert repo.cli.json("revert", "--no-commit", "HEAD~1")["commit"] is None
    assert repo.head() == head
    assert repo.changes() == {"etc/motd": "M"}
    repo.commit("taken back")
    assert repo.changes() == {}
    repo.cli.fails(1, "revert", "-n", "HEAD~2")
    repo.cli.fails(2, "revert", "-n", "-m", "x", "HEAD")


def test_the_image_config_is_taken_back_too(repo: Repo) -> None:
    repo.cli("commit", "-m", "config", "--change", "ENV A=1", "--change", "USER app", "--allow-empty")
    repo.cli("commit", "-m", "more", "--change", "ENV B=2", "--allow-empty")
    repo.cli("revert", "HEAD~1")
    assert '"B=2"' in repo.git("show", "HEAD:config.json")
    assert '"A=1"' not in repo.git("show", "HEAD:config.json")
    assert "app" not in repo.git("show", "HEAD:config.json")
    repo.cli("commit", "-m", "again", "--change", "ENV B=3", "--allow-empty")
    assert "image config config.Env.B" in repo.cli.fails(4, "revert", "HEAD~2").stderr


@pytest.mark.parametrize("revision", ["HEAD~1", "HEAD~2"])
def test_a_commit_that_was_taken_back_already(repo: Repo, revision: str) -> None:
    repo.commit_file("etc/motd", "1", "one")
    repo.cli("revert", "HEAD")
    if revision == "HEAD~1":
        assert "changes nothing" in repo.cli.fails(1, "revert", revision).stderr
    else:
        assert "base image" in repo.cli.fails(4, "revert", revision).stderr


def test_a_shell_in_the_rootfs_keeps_its_view(repo: Repo, spawn: Spawn) -> None:
    repo.commit_file("etc/motd", "1", "one")
    shell = spawn(["sh"], cwd=repo.rootfs / "etc", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    repo.cli("revert", "HEAD")
    assert (repo.rootfs / "etc/motd").read_text().startswith("welcome")
    out, _ = shell.communicate(b"cat motd; echo late > late\n")
    assert out == b"1"
    assert repo.changes() == {}


def test_wrong_calls(imported: Repo) -> None:
    imported.cli.fails(1, "revert", "HEAD")
    imported.cli.fails(2, "revert")
    imported.cli("checkout")
    imported.cli.fails(3, "revert", "nope")
