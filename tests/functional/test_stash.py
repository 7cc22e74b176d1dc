"""``layerctl stash``: uncommitted changes set aside, and brought back on whatever HEAD is then."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.conftest import Spawn
from tests.oracle import assert_same
from tests.support.cli import Repo
from tests.support.mounts import mounts_below

CHANGE = """
rm -rf odd usr/lib bin/sh; mkdir usr/lib; echo new > usr/lib/new; ln usr/lib/new usr/lib/newer
rm etc/motd; mkdir etc/motd; rm -r home; ln -s /root home; chown 5:5 etc/secret; setfattr -n user.k -v v etc/hostname
"""


def sh(repo: Repo, script: str) -> None:
    subprocess.run(["sh", "-euc", script], cwd=repo.rootfs, check=True)


def names(repo: Repo) -> list[str]:
    return [stash["message"].partition(": ")[2] for stash in repo.cli.json("stash", "list")]


def test_changes_of_every_kind_go_and_come_back(repo: Repo, busybox_rootfs: Path) -> None:
    sh(repo, CHANGE)
    inode = (repo.upper / "usr/lib/new").stat().st_ino
    changed, status = repo.listing(), repo.cli.json("status")["changes"]
    document = repo.cli.json("stash")
    assert document["message"] == f"WIP on main: {repo.head()[:7]} base"
    assert_same(busybox_rootfs, repo.rootfs)
    assert repo.cli.json("status")["changes"] == []
    layer = repo.dot / "layers" / repo.cli.json("show", document["commit"])["layer"]["id"] / "fs"
    assert (layer / "usr/lib/new").stat().st_ino == inode  # moved, not copied
    assert repo.changes("stash", "show") == {item["path"]: item["kind"] for item in status if item["what"] != ["mtime"]}
    repo.cli("stash", "pop")
    assert_same(changed, repo.rootfs)
    assert repo.cli.json("status")["changes"] == status
    assert repo.cli.json("stash", "list") == []
    repo.write("etc/more", "x")
    repo.commit("after all")
    assert_same(repo.listing(), repo.checked_out("HEAD", "w"))


def test_undo_and_redo_of_each_step(repo: Repo, busybox_rootfs: Path) -> None:
    sh(repo, CHANGE)
    changed = repo.listing()
    repo.cli("stash", "-m", "mine")
    repo.cli("undo")
    assert_same(changed, repo.rootfs)
    assert repo.cli.json("stash", "list") == []
    repo.cli("undo")
    assert_same(busybox_rootfs, repo.rootfs)
    assert names(repo) == ["mine"]
    repo.cli("stash", "pop")
    repo.cli("undo")
    assert_same(busybox_rootfs, repo.rootfs)
    assert names(repo) == ["mine"]
    repo.cli("stash", "drop")
    assert names(repo) == []
    repo.cli("undo")
    assert names(repo) == ["mine"]
    repo.cli("stash", "clear")
    repo.cli("undo")
    repo.cli("stash", "apply", "0")
    assert_same(changed, repo.rootfs)
    assert names(repo) == ["mine"]
    assert mounts_below(repo.dot) == []


def test_a_busy_rootfs(repo: Repo, spawn: Spawn, busybox_rootfs: Path) -> None:
    """The shell keeps its view, what it writes later reaches neither the stash nor the rootfs."""
    shell = spawn(["sh"], cwd=repo.rootfs / "etc", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    repo.write("etc/motd", "mine")
    repo.cli("stash")
    assert_same(busybox_rootfs, repo.rootfs)
    out, _ = shell.communicate(b"cat motd; echo late > motd; echo late > late\n")
    assert out == b"mine"
    repo.cli("stash", "apply")
    assert (repo.rootfs / "etc/motd").read_text() == "mine"
    assert repo.changes() == {"etc/motd": "M"}
    repo.cli("undo")
    assert_same(busybox_rootfs, repo.rootfs)


def test_pop_on_another_head_with_other_changes(repo: Repo) -> None:
    sh(repo, "echo mine > etc/mine; rm etc/secret; echo mine > srv-file")
    repo.cli("stash")
    sh(repo, "echo theirs > etc/theirs; echo 2 > etc/motd")
    repo.commit("theirs")
    repo.write("etc/dirty", "dirty")
    repo.cli("stash", "pop")
    assert repo.changes() == {"etc/mine": "A", "etc/secret": "D", "srv-file": "A", "etc/dirty": "A"}
    assert (repo.rootfs / "etc/motd").read_text() == "2\n"
    assert repo.cli.json("status")["branch"] == "main"


def test_conflicts_are_listed_and_nothing_is_done(repo: Repo) -> None:
    sh(repo, "echo mine > etc/motd; echo mine > etc/mine; rm etc/hostname")
    repo.cli("stash")
    sh(repo, "echo theirs > etc/motd; echo theirs > etc/hostname")
    before, recorded = repo.listing(), repo.recorded()
    result = repo.cli.fails(4, "stash", "pop")
    assert "changed in another way meanwhile: /etc/hostname, /etc/motd" in result.stderr
    assert_same(before, repo.rootfs)
    assert repo.recorded() == recorded
    repo.cli("restore", "--source", "stash@{0}", "etc/motd")
    assert (repo.rootfs / "etc/motd").read_text() == "mine\n"


def test_several_and_their_names(repo: Repo) -> None:
    for name in ("one", "two", "three"):
        repo.write("etc/motd", name)
        repo.cli("stash", "push", "-m", name)
    assert names(repo) == ["three", "two", "one"]
    assert [line.split()[0] for line in repo.cli("stash", "list").lines] == ["stash@{0}", "stash@{1}", "stash@{2}"]
    assert repo.cli("show", "stash@{1}:etc/motd").out == b"two"
    assert repo.cli("show", "stash:etc/motd").out == b"three"
    assert repo.cli("show", "stash~1:etc/motd").out.startswith(b"welcome")
    assert "-welcome" in repo.cli("stash", "show", "-p", "1").stdout
    assert repo.cli("stash", "show", "--name-status").lines == ["M\tetc/motd"]
    repo.cli("stash", "drop", "stash@{1}")
    assert names(repo) == ["three", "one"]
    repo.cli("stash", "pop", "1")
    assert (repo.rootfs / "etc/motd").read_text() == "one"
    repo.git("fsck", "--strict")
    for call in (("pop", "7"), ("show", "stash@{7}"), ("drop", "7")):
        assert "stash@{7}" in repo.cli.fails(3, "stash", *call).stderr
    repo.cli.fails(3, "show", "stash@{7}")
    repo.cli.fails(2, "stash", "pop", "main")
    repo.cli.fails(2, "stash", "nonsense")


def test_nothing_to_set_aside(repo: Repo) -> None:
    before = repo.recorded()
    repo.cli.fails(1, "stash")
    sh(repo, "touch etc")  # a directory's time alone
    repo.cli.fails(1, "stash", "push")
    repo.cli.fails(3, "stash", "pop")
    assert repo.recorded() == before
    assert (repo.rootfs / "etc/motd").exists()
    repo.write("etc/motd", "still writable")


def test_after_a_commit_of_a_busy_rootfs(repo: Repo, spawn: Spawn) -> None:
    """The base is not HEAD then: the stash is built by hard links."""
    shell = spawn(["sleep", "600"], cwd=repo.rootfs)
    repo.commit_file("etc/motd", "two")
    shell.kill()
    shell.wait()
    head = repo.listing()
    repo.write("etc/new", "mine")
    changed = repo.listing()
    repo.cli("stash")
    assert_same(head, repo.rootfs)
    repo.cli("undo")
    assert_same(changed, repo.rootfs)
    assert repo.changes() == {"etc/new": "A"}


def test_another_worktree_pops_it(repo: Repo) -> None:
    repo.write("etc/motd", "mine")
    repo.cli("stash")
    other = repo.checked_out("HEAD", "w")
    repo.cli("stash", "pop", "-w", "w")
    assert (other / "etc/motd").read_text() == "mine"
    assert repo.changes() == {}
