"""``layerctl status``: what is different from HEAD, and where one is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.conftest import Spawn
from tests.support.cli import Repo


def test_a_fresh_checkout_is_clean(repo: Repo) -> None:
    assert repo.cli.json("status")["changes"] == []


def test_status_json_has_every_field(repo: Repo) -> None:
    document = repo.cli.json("status")
    assert set(document) == {"worktree", "head", "branch", "mountpoint", "base", "container", "changes"}
    assert document["worktree"] == "default"
    assert document["head"] == repo.head()
    assert document["branch"] == "main"
    assert document["mountpoint"] == str(repo.rootfs)
    assert document["container"] is None


def test_status_says_branch_and_mount_point(repo: Repo) -> None:
    printed = repo.cli("status").stdout
    assert "main" in printed
    assert str(repo.rootfs) in printed


def test_added_modified_deleted_and_type_changes(repo: Repo) -> None:
    _change(repo)
    assert repo.changes() == {
        "etc/new": "A",
        "srv": "A",
        "srv/inner": "A",
        "etc/passwd": "M",
        "etc/group": "M",
        "etc/secret": "D",
        "etc/motd": "T",
        "home/app": "D",
    }


def test_the_same_as_lines_for_people(repo: Repo) -> None:
    _change(repo)
    lines = repo.cli("status").stdout
    for kind, path in (("A", "etc/new"), ("M", "etc/passwd"), ("D", "etc/secret"), ("T", "etc/motd")):
        assert re.search(rf"^\s*{kind}\s+{path}(\s|$)", lines, re.MULTILINE), lines


def test_each_change_says_what_differs(repo: Repo) -> None:
    (repo.rootfs / "etc/passwd").write_text("changed")
    (repo.rootfs / "etc/group").chmod(0o600)
    os.chown(repo.rootfs / "etc/hostname", 1, 1)
    os.setxattr(repo.rootfs / "etc/noted", "user.more", b"1")
    os.utime(repo.rootfs / "etc/secret", ns=(1, 1))
    changes = {change["path"].lstrip("/"): change for change in repo.cli.json("status")["changes"]}
    assert "content" in changes["etc/passwd"]["what"]
    assert changes["etc/passwd"]["new_size"] == len("changed")
    assert changes["etc/passwd"]["old_size"] > 0
    assert changes["etc/group"]["what"] == ["mode"]
    assert changes["etc/hostname"]["what"] == ["owner"]
    assert changes["etc/noted"]["what"] == ["xattr"]
    assert changes["etc/secret"]["what"] == ["mtime"]


def test_a_broken_hardlink_is_a_change_of_link(repo: Repo) -> None:
    two = repo.rootfs / "usr/lib/two"
    times = two.stat()
    two.unlink()
    two.write_text("linked\n")
    os.utime(two, ns=(times.st_atime_ns, times.st_mtime_ns))
    what = [change["what"] for change in repo.cli.json("status")["changes"] if "two" in change["path"]]
    assert what == [["link"]]


def test_a_directory_with_only_a_new_mtime_is_shown_in_json_alone(repo: Repo) -> None:
    os.utime(repo.rootfs / "home", ns=(1, 1))
    assert "home" not in repo.cli("status").stdout.replace(str(repo.top), "")
    [change] = repo.cli.json("status")["changes"]
    assert (change["path"].lstrip("/"), change["what"]) == ("home", ["mtime"])


def test_a_deleted_and_recreated_equal_file_is_no_change(repo: Repo) -> None:
    motd = repo.rootfs / "etc/motd"
    times, content, etc = motd.stat(), motd.read_bytes(), (repo.rootfs / "etc").stat()
    motd.unlink()
    motd.write_bytes(content)
    os.utime(motd, ns=(times.st_atime_ns, times.st_mtime_ns))
    os.utime(repo.rootfs / "etc", ns=(etc.st_atime_ns, etc.st_mtime_ns))
    assert repo.cli.json("status")["changes"] == []


def test_a_replaced_directory_shows_what_is_gone(repo: Repo) -> None:
    shutil.rmtree(repo.rootfs / "usr/lib")
    (repo.rootfs / "usr/lib").mkdir()
    assert repo.changes()["usr/lib/one"] == "D"


def test_paths_that_are_not_utf8_carry_their_bytes(repo: Repo) -> None:
    Path(os.fsdecode(os.fsencode(repo.rootfs) + b"/etc/\xff\xfe")).touch()
    [change] = [change for change in repo.cli.json("status")["changes"] if change["kind"] == "A"]
    assert change["path_b64"] in ("ZXRjL//+", "L2V0Yy///g==")


def test_a_name_with_a_newline_stays_on_one_line(repo: Repo) -> None:
    repo.write("etc/two\nlines", "x")
    assert "\nlines" not in repo.cli("status").stdout


def test_status_of_a_busy_worktree(repo: Repo, spawn: Spawn) -> None:
    spawn(["sleep", "600"], cwd=repo.rootfs)
    repo.write("etc/new", "x")
    assert repo.changes() == {"etc/new": "A"}


def test_status_sees_a_running_container(repo: Repo, spawn: Spawn) -> None:
    container = spawn(repo.cli.start("run", "--", "sh", "-c", "echo up; sleep 600", stdout=subprocess.PIPE))
    assert container.stdout is not None
    assert container.stdout.readline() == b"up\n"
    assert repo.cli.json("status")["container"] is not None
    [worktree] = repo.cli.json("worktree", "list")
    assert worktree["container"] is not None


def test_status_writes_nothing(repo: Repo) -> None:
    _change(repo)
    before = repo.recorded()
    repo.cli("status")
    assert repo.recorded() == before


def _change(repo: Repo) -> None:
    repo.write("etc/new", "x")
    repo.write("srv/inner", "x")
    (repo.rootfs / "etc/passwd").write_text("changed")
    (repo.rootfs / "etc/group").chmod(0o600)
    (repo.rootfs / "etc/secret").unlink()
    (repo.rootfs / "etc/motd").unlink()
    (repo.rootfs / "etc/motd").symlink_to("passwd")
    (repo.rootfs / "home/app").rmdir()
