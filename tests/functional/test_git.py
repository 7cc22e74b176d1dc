"""The repository is a Git repository: plain git reads it, and finds nothing wrong with it."""

from __future__ import annotations

import base64
import os
import re
import shutil
from pathlib import Path

from tests.oracle import assert_same
from tests.support.cli import Repo


def test_git_log_graph_all(repo: Repo) -> None:
    repo.commit_file("etc/one", "1", "one")
    repo.cli("checkout", "-b", "side", "HEAD~1")
    repo.commit_file("etc/side", "1", "side")
    drawn = repo.git("log", "--graph", "--all", "--oneline")
    for subject in ("one", "side", "base"):
        assert subject in drawn
    assert "|" in drawn


def test_git_fsck_strict_is_clean(repo: Repo) -> None:
    """With names that Git refuses in trees: ``.git`` in every spelling, ``git~1``, bytes that are not UTF-8."""
    shutil.copytree(repo.rootfs / "odd/dirs", repo.rootfs / "srv/copy")
    repo.commit("odd names")
    shutil.rmtree(repo.rootfs / "odd/dirs/.git")
    repo.commit("rm .git")
    repo.cli("tag", "v1", "-m", "annotated")
    repo.cli("rollback")
    report = repo.git("fsck", "--strict", "--full")
    assert not re.search("error|warning|missing|broken|bad", report), report


def test_odd_names_come_back(repo: Repo) -> None:
    shutil.copytree(repo.rootfs / "odd", repo.rootfs / "srv/copy", symlinks=True)
    before = repo.listing()
    repo.commit("odd")
    assert_same(before, repo.checked_out("HEAD", "w"))


def test_every_name_is_shown_and_can_be_asked_for(repo: Repo) -> None:
    for name in ("odd/%entries", "odd/dirs/.git/inside", "odd/dirs/%entries/inside", "odd/percent%41", "odd/dots..."):
        assert repo.cli("show", f"HEAD:{name}").out == os.fsencode(
            Path(name).parent.name if "inside" in name else Path(name).name
        )


def test_a_name_that_is_not_utf8_can_be_asked_for(repo: Repo) -> None:
    assert repo.cli("show", b"HEAD:odd/\xff\xfe").out == b"\xff\xfe"
    assert repo.cli("show", b"HEAD:odd/dirs/\xff/inside").out == b"\xff"


def test_a_commit_tree_has_the_documented_parts(repo: Repo) -> None:
    names = repo.git("ls-tree", "--name-only", "HEAD").split()
    assert set(names) >= {"config.json", "layer.json", "rootfs"}


def test_entries_are_lines_of_mtree_keywords(repo: Repo) -> None:
    lines = repo.git("show", "HEAD:rootfs/etc/%entries").splitlines()
    entries = {line.split(" ")[0]: dict(word.split("=", 1) for word in line.split(" ")[1:]) for line in lines}
    assert entries["."]["type"] == "dir"
    noted = entries["noted"]
    assert (noted["type"], noted["uid"], noted["gid"]) == ("file", "0", "0")
    assert noted["digest"].startswith("blake3:")
    values = {key: base64.b64decode(value) for key, value in noted.items() if key.startswith("xattr.")}
    assert values["xattr.user.binary"] == bytes(range(256))
    status = (repo.rootfs / "etc/noted").stat()
    seconds, nanoseconds = divmod(status.st_mtime_ns, 10**9)
    assert noted["time"] == f"{seconds}.{nanoseconds:09}"
    assert list(entries)[1:] == sorted(list(entries)[1:], key=os.fsencode)


def test_equal_directories_are_equal_trees(repo: Repo) -> None:
    repo.commit_file("etc/new", "x")
    assert repo.head("HEAD:rootfs/usr") == repo.head("HEAD~1:rootfs/usr")
    assert repo.head("HEAD:rootfs/etc") != repo.head("HEAD~1:rootfs/etc")


def test_a_commit_made_by_plain_git_tools_is_not_needed(repo: Repo) -> None:
    """A stray ``git gc --prune=now`` loses nothing that layerctl needs."""
    repo.commit_file("srv/n", "1")
    repo.write("srv/dirty", "x")
    repo.cli("rollback")
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "--prune=now", "--quiet")
    assert repo.cli.json("log")[0]["message"] == "base"
    repo.cli("checkout")
    repo.commit_file("srv/n", "2")
    assert "error" not in repo.git("fsck", "--strict")


def test_packed_refs_and_packed_objects_are_read(repo: Repo) -> None:
    repo.cli("tag", "v1")
    repo.commit_file("srv/n", "1")
    repo.git("pack-refs", "--all")
    repo.git("repack", "-a", "-d", "-q")
    assert len(repo.cli.json("log")) == 2
    assert repo.cli("tag").lines == ["v1"]
    repo.commit_file("srv/n", "2")
    repo.cli("rollback", "v1")
    assert len(repo.cli.json("log")) == 1


def test_the_reflog_has_the_messages_git_users_know(repo: Repo) -> None:
    repo.commit_file("srv/n", "1", "my change")
    assert "commit: my change" in repo.git("reflog", "show", "main").splitlines()[0]
