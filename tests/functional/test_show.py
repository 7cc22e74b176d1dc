"""``layerctl show REV[:PATH]``: a commit, or a file or directory out of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.support.cli import Repo


def test_a_commit_is_shown_with_its_changes(repo: Repo) -> None:
    repo.commit_file("etc/new", "x", "the subject\n\nthe body")
    printed = repo.cli("show").stdout
    assert repo.head() in printed
    assert "the body" in printed
    assert "etc/new" in printed


def test_another_commit(repo: Repo) -> None:
    repo.commit_file("etc/new", "x")
    assert repo.head("HEAD~1") in repo.cli("show", "HEAD~1").stdout


@pytest.mark.parametrize("path", ["etc/motd", "/etc/motd"])
def test_a_file_is_printed_as_it_was(repo: Repo, path: str) -> None:
    repo.commit_file("etc/motd", "new")
    assert repo.cli("show", f"HEAD~1:{path}").out == b"welcome\nto the box\nenjoy\n"
    assert repo.cli("show", f"HEAD:{path}").out == b"new"


def test_binary_content_is_printed_to_the_byte(repo: Repo) -> None:
    content = os.urandom(300_000) + b"\r\n\x00\x1b[31m"
    repo.commit_file("srv/binary", content)
    assert repo.cli("show", "HEAD:srv/binary").out == content


def test_a_file_that_is_deep_in_history_is_found(repo: Repo) -> None:
    for number in range(3):
        repo.commit_file("srv/n", str(number))
    assert repo.cli("show", "HEAD:etc/hostname").out == b"box\n"


def test_a_directory_is_listed(repo: Repo) -> None:
    names = repo.cli("show", "HEAD:etc").stdout
    for name in ("passwd", "motd", "hostname"):
        assert name in names
    assert "busybox" not in names


def test_the_root_directory_is_listed(repo: Repo) -> None:
    names = repo.cli("show", "HEAD:/").stdout
    assert "etc" in names
    assert "usr" in names


def test_a_deleted_file_is_shown_from_before(repo: Repo) -> None:
    (repo.rootfs / "etc/motd").unlink()
    repo.commit("rm")
    repo.cli.fails(3, "show", "HEAD:etc/motd")
    assert repo.cli("show", "HEAD~1:etc/motd").out.startswith(b"welcome")


def test_a_file_hidden_by_a_replaced_directory_is_not_found(repo: Repo) -> None:
    os.rename(repo.rootfs / "usr/lib/one", repo.rootfs / "srv-one")
    for entry in (repo.rootfs / "usr/lib").iterdir():
        entry.unlink()
    (repo.rootfs / "usr/lib").rmdir()
    (repo.rootfs / "usr/lib").mkdir()
    repo.commit("opaque")
    repo.cli.fails(3, "show", "HEAD:usr/lib/two")
    assert repo.cli("show", "HEAD:srv-one").out == b"linked\n"


def test_hardlinks_show_the_same_content(repo: Repo) -> None:
    assert repo.cli("show", "HEAD:usr/three").out == b"linked\n"
    assert repo.cli("show", "HEAD:usr/lib/two").out == b"linked\n"


def test_a_symlink_is_not_followed_out_of_the_rootfs(repo: Repo) -> None:
    """``show`` must never read the host's own file through a link in the image."""
    (repo.rootfs / "etc/leak").symlink_to("/etc/os-release")
    (repo.rootfs / "leakdir").symlink_to("/etc")
    repo.commit("links")
    for path in ("etc/leak", "leakdir/os-release"):
        result = repo.cli.run("show", f"HEAD:{path}", check=False)
        assert b"PRETTY_NAME" not in result.out


@pytest.mark.parametrize("path", ["no/such", "etc/motd/x", "etc/../nothing"])
def test_a_path_that_is_not_there_is_not_found(repo: Repo, path: str) -> None:
    assert path.rsplit("/", maxsplit=1)[-1] in repo.cli.fails(3, "show", f"HEAD:{path}").stderr


def test_an_unknown_revision_is_not_found(repo: Repo) -> None:
    repo.cli.fails(3, "show", "nonsense:etc/motd")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("run/fifo", r"p[rw-]{9} 0 0 0 \S+ \S+ fifo"),
        ("dev/null", r"c[rw-]{9} 0 0 1, 3 \S+ \S+ null"),
        ("dev/high", r"b[rw-]{9} 0 0 259, 70000 \S+ \S+ high"),
    ],
)
def test_what_has_no_content_is_described_not_opened(repo: Repo, path: str, shown: str) -> None:
    [line] = repo.cli("show", f"HEAD:{path}", timeout=20).lines
    assert re.fullmatch(shown, line), line


def test_a_symlink_is_its_target(repo: Repo) -> None:
    assert repo.cli("show", "HEAD:usr/lib/soft").out == b"/absolute/../target"
    assert repo.cli("show", "HEAD:usr/lib/dangling").out == b"nowhere\xff"


def test_a_directory_of_odd_names_has_one_line_for_each(repo: Repo) -> None:
    lines = repo.cli("show", "HEAD:odd").lines
    assert len(lines) == len(os.listdir(repo.rootfs / "odd"))
    assert not any("\033" in line for line in lines)


def test_a_huge_file_is_streamed(repo: Repo) -> None:
    """64 MiB through a process that may have less than that in memory beyond what it starts with."""
    with open(repo.rootfs / "huge", "wb") as file:
        for _ in range(64):
            file.write(os.urandom(1 << 20))
    repo.commit("huge")
    script = (
        "import resource, sys; from layerctl.cli import main; status = main(sys.argv[1:]);"
        "sys.stderr.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))"
    )
    used = {}
    for path in ("etc/motd", "huge"):
        command = [sys.executable, "-c", script, "show", f"HEAD:{path}"]
        done = subprocess.run(command, cwd=repo.top, env=repo.cli.environment(), capture_output=True)
        used[path] = int(done.stderr)
    assert len(done.stdout) == 64 << 20
    assert used["huge"] - used["etc/motd"] < 24 << 10, "kilobytes"


def test_content_that_is_missing_or_wrong_is_damage(repo: Repo) -> None:
    made = repo.commit_file("srv/f", "right\n")
    stored = repo.layer_fs(made) / "srv/f"
    stored.write_bytes(b"wrong\n")
    result = repo.cli.run("show", "HEAD:srv/f", code=5)
    assert "not what its commit recorded" in result.stderr
    stored.unlink()
    repo.cli.fails(5, "show", "HEAD:srv/f")
    (repo.layer_fs(made)).rename(repo.top / "away")
    assert "is missing" in repo.cli.fails(5, "show", "HEAD:srv/f").stderr


def test_another_file_of_a_lower_layer_never_shows_instead(repo: Repo) -> None:
    """If a layer has lost its file, the version below it is not what was asked for."""
    made = repo.commit_file("etc/motd", "new\n")
    (repo.layer_fs(made) / "etc/motd").unlink()
    result = repo.cli.run("show", "HEAD:etc/motd", check=False)
    assert result.code == 5
