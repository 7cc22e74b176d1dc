"""``layerctl show REV[:PATH]``: a commit, or a file or directory out of it."""

from __future__ import annotations

import os

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


def test_a_fifo_is_described_not_opened(repo: Repo) -> None:
    result = repo.cli.run("show", "HEAD:run/fifo", check=False, timeout=20)
    assert result.code in (0, 1, 2, 3)
