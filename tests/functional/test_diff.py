"""``layerctl diff``: write layer or commits, as names, numbers, text or JSON."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.cli import Repo


@pytest.fixture
def edited(repo: Repo) -> Repo:
    """One committed change (``etc/one``) and one that is not (``etc/motd``)."""
    repo.commit_file("etc/one", "1\n", "one")
    repo.write("etc/motd", "welcome\nto my box\nenjoy\n")
    return repo


def test_without_revisions_the_write_layer_against_head(edited: Repo) -> None:
    assert edited.changes("diff") == {"etc/motd": "M"}


def test_with_one_revision_the_write_layer_against_it(edited: Repo) -> None:
    assert edited.changes("diff", "HEAD~1") == {"etc/motd": "M", "etc/one": "A"}


def test_with_two_revisions_one_against_the_other(edited: Repo) -> None:
    assert edited.changes("diff", "HEAD~1", "HEAD") == {"etc/one": "A"}
    assert edited.changes("diff", "HEAD", "HEAD~1") == {"etc/one": "D"}


def test_a_range_is_two_revisions(edited: Repo) -> None:
    assert edited.changes("diff", "HEAD~1..HEAD") == {"etc/one": "A"}


def test_diff_json(edited: Repo) -> None:
    document = edited.cli.json("diff", "HEAD~1", "HEAD")
    assert (document["from"], document["to"]) == (edited.head("HEAD~1"), edited.head())
    change = next(change for change in document["changes"] if "one" in change["path"])
    assert set(change) == {"kind", "path", "what", "old_size", "new_size"}
    assert (change["kind"], change["old_size"], change["new_size"]) == ("A", None, 2)


def test_a_path_that_is_not_utf8_carries_its_bytes(repo: Repo) -> None:
    Path(os.fsdecode(os.fsencode(repo.rootfs) + b"/etc/\xff\xfe")).touch()
    repo.commit("odd")
    changes = repo.cli.json("diff", "HEAD~1", "HEAD")["changes"]
    assert [change["path_b64"] for change in changes if change["kind"] == "A"] == ["ZXRjL//+"]


def test_name_status(edited: Repo) -> None:
    (edited.rootfs / "etc/hostname").unlink()
    lines = edited.cli("diff", "--name-status").lines
    assert [re.sub(r"\t/?", " ", line) for line in lines] == ["D etc/hostname", "M etc/motd"]


def test_stat(edited: Repo) -> None:
    printed = edited.cli("diff", "--stat").stdout
    assert "etc/motd" in printed
    assert "etc/one" not in printed
    assert re.search(r"\b1\b", printed.splitlines()[-1])


@pytest.mark.parametrize("path", ["etc/motd", "/etc/motd", "etc"])
def test_paths_limit_the_diff(edited: Repo, path: str) -> None:
    edited.write("srv/other", "x")
    assert edited.changes("diff", "--", path) == {"etc/motd": "M"}


def test_exit_code_says_whether_there_are_differences(edited: Repo) -> None:
    assert edited.cli.run("diff", "--exit-code", code=1).stderr == ""
    edited.cli("diff")
    edited.cli("diff", "--exit-code", "HEAD", "HEAD")
    edited.cli("diff", "--exit-code", "--", "usr")


def test_equal_revisions_print_nothing(edited: Repo) -> None:
    assert edited.cli("diff", "HEAD", "HEAD").out == b""
    assert edited.cli("diff", "-p", "HEAD", "HEAD").out == b""


def test_a_change_taken_back_over_many_commits_is_no_difference(repo: Repo) -> None:
    before = repo.head()
    motd = repo.rootfs / "etc/motd"
    times, content, etc = motd.stat(), motd.read_bytes(), (repo.rootfs / "etc").stat()
    repo.commit_file("etc/motd", "changed")
    motd.write_bytes(content)
    os.utime(motd, ns=(0, times.st_mtime_ns))
    os.utime(motd.parent, ns=(0, etc.st_mtime_ns))
    repo.commit("back")
    assert repo.changes("diff", before, "HEAD") == {}


def test_text_patch(edited: Repo) -> None:
    patch = edited.cli("diff", "-p").stdout
    assert "--- a/etc/motd" in patch
    assert "+++ b/etc/motd" in patch
    assert "@@ -1,3 +1,3 @@" in patch
    assert "\n-to the box\n+to my box\n" in patch
    assert "\n enjoy\n" in patch


def test_binary_files_differ(repo: Repo) -> None:
    repo.commit_file("srv/binary", b"\x00\x01\x02")
    repo.write("srv/binary", b"\x00\x01\x03")
    patch = repo.cli("diff", "-p").stdout
    assert re.search(r"^Binary files .*srv/binary.* differ$", patch, re.MULTILINE)


def test_no_newline_at_the_end_of_a_file(repo: Repo) -> None:
    repo.write("etc/hostname", "box")
    patch = repo.cli("diff", "-p").stdout
    assert "-box\n+box\n\\ No newline at end of file\n" in patch


def test_new_and_deleted_files_compare_with_dev_null(repo: Repo) -> None:
    repo.write("etc/new", "fresh\n")
    (repo.rootfs / "etc/hostname").unlink()
    patch = repo.cli("diff", "-p").stdout
    assert "--- /dev/null\n+++ b/etc/new\n@@ -0,0 +1 @@\n+fresh\n" in patch
    assert "--- a/etc/hostname\n+++ /dev/null\n@@ -1 +0,0 @@\n-box\n" in patch


def test_empty_files_come_and_go_without_hunks(repo: Repo) -> None:
    repo.write("etc/nothing", "")
    (repo.rootfs / "usr/lib/empty").unlink()
    patch = repo.cli("diff", "-p").stdout
    assert "etc/nothing" in patch
    assert "usr/lib/empty" in patch
    assert "@@" not in patch


def test_a_change_of_mode_is_named(repo: Repo) -> None:
    (repo.rootfs / "etc/passwd").chmod(0o600)
    patch = repo.cli("diff", "-p").stdout
    assert "644" in patch
    assert "600" in patch
    assert "@@" not in patch


def test_a_new_symlink_shows_its_target(repo: Repo) -> None:
    (repo.rootfs / "etc/link").symlink_to("some/where")
    assert "some/where" in repo.cli("diff", "-p").stdout


def test_the_patch_applies_with_plain_patch(repo: Repo, workdir: Path) -> None:
    """GNU patch is the judge: old tree plus patch is the new tree."""
    old = "".join(f"line {number}\n" for number in range(200))
    repo.commit_file("srv/text", old)
    repo.commit_file("srv/gone", "a\nb\n")
    copy = workdir / "copy"
    subprocess.run(["cp", "-a", repo.rootfs / "srv", copy], check=True)
    new = old.replace("line 5\n", "").replace("line 90\n", "line ninety\nand more\n").replace("line 199\n", "end")
    repo.write("srv/text", new)
    repo.write("srv/fresh", "no newline")
    (repo.rootfs / "srv/gone").unlink()
    patch = repo.cli("diff", "-p", "--", "srv").out
    subprocess.run(["patch", "-p2", "-d", copy], input=patch, check=True, capture_output=True)
    assert {path.name: path.read_text() for path in copy.iterdir()} == {"text": new, "fresh": "no newline"}


def test_the_patch_between_two_old_commits(edited: Repo) -> None:
    edited.commit("two")
    edited.commit_file("etc/motd", "third\n")
    patch = edited.cli("diff", "-p", "HEAD~2", "HEAD~1").stdout
    assert "+to my box\n" in patch
    assert "third" not in patch


def test_a_large_text_file_does_not_hang(repo: Repo) -> None:
    """Worst case of a naive diff: everything differs and lines repeat."""
    repo.commit_file("srv/text", "".join(f"{number % 7} {number}\n" for number in range(30_000)))
    repo.write("srv/text", "".join(f"{number % 5} {number * 3}\n" for number in range(30_000)))
    assert "@@" in repo.cli("diff", "-p", timeout=60).stdout


def test_terminal_escapes_in_names_are_not_passed_on(repo: Repo) -> None:
    repo.write("etc/\x1b[31mred", "x")
    assert b"\x1b[31m" not in repo.cli("diff", "--name-status").out
    assert b"\x1b[31m" not in repo.cli("diff", "--stat").out


def test_a_type_change_in_a_patch(repo: Repo) -> None:
    (repo.rootfs / "etc/motd").unlink()
    (repo.rootfs / "etc/motd").mkdir()
    assert repo.changes("diff") == {"etc/motd": "T"}
    assert "-welcome" in repo.cli("diff", "-p").stdout


def test_an_unknown_revision_is_not_found(repo: Repo) -> None:
    repo.cli.fails(3, "diff", "nonsense")
    repo.cli.fails(3, "diff", "HEAD", "nonsense")


def test_three_revisions_are_usage(repo: Repo) -> None:
    assert repo.cli.run("diff", "HEAD", "HEAD", "HEAD", check=False).code == 2
