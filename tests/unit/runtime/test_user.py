"""Users and groups of an image that nobody trusts."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from layerctl.errors import UsageError
from layerctl.runtime import User, resolve_user
from layerctl.runtime.inside import open_inside, read_inside

PASSWD = (
    "root:x:0:0:root:/root:/bin/sh\n"
    "# a comment\n\nshort:x:1\n+nis\n"
    "bad:x:one:1::/:\nbig:x:4294967295:1::/:\n"
    "app:x:1000:1001::/home/app:/bin/sh\n"
    "1234:x:77:78::/home/digits:/bin/sh\n"
    "homeless:x:5:5:::\n"
)
GROUP = "root:x:0:\napp:x:1001:\nwheel:x:10:root,app\naudio:x:29:app\n900:x:901:\n"


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    etc = tmp_path / "rootfs/etc"
    etc.mkdir(parents=True)
    (etc / "passwd").write_text(PASSWD)
    (etc / "group").write_text(GROUP)
    return etc.parent


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("", User(0, 0, (10,), "/root")),
        ("root", User(0, 0, (10,), "/root")),
        ("app", User(1000, 1001, (10, 29), "/home/app")),
        ("1000", User(1000, 1001, (10, 29), "/home/app")),
        ("app:wheel", User(1000, 10, (), "/home/app")),
        ("app:4242", User(1000, 4242, (), "/home/app")),
        ("4000", User(4000, 0, (), "/")),
        ("4000:app", User(4000, 1001, (), "/")),
        ("1234", User(77, 78, (), "/home/digits")),
        ("5:900", User(5, 901, (), "/")),
    ],
)
def test_users(rootfs: Path, text: str, user: User) -> None:
    assert resolve_user(rootfs, text) == user


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nobody", "no user 'nobody' in the image's /etc/passwd"),
        ("app:nogroup", "no group 'nogroup' in the image's /etc/group"),
        ("4294967295", "no user"),
        ("-1", "no user"),
        ("²", "no user"),
        ("bad", "no user"),
        (":app", "not a user"),
        ("app:", "not a user"),
    ],
)
def test_unknown_users(rootfs: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve_user(rootfs, text)


def test_a_rootfs_without_accounts_still_has_root(tmp_path: Path) -> None:
    assert resolve_user(tmp_path, "") == User(0, 0, (), "/root")
    with pytest.raises(UsageError, match="no user 'app'"):
        resolve_user(tmp_path, "app")


@pytest.mark.parametrize("target", ["{host}/passwd", "../../../../../../../../{host}/passwd", "../../host/passwd"])
def test_a_symlink_never_leads_to_the_host(rootfs: Path, tmp_path: Path, target: str) -> None:
    host = tmp_path / "host"
    host.mkdir()
    (host / "passwd").write_text("spy:x:666:666::/:\n")
    (rootfs / "etc/passwd").unlink()
    (rootfs / "etc/passwd").symlink_to(target.format(host=host))
    with pytest.raises(UsageError, match="no user 'spy'"):
        resolve_user(rootfs, "spy")


def test_an_absolute_symlink_stays_in_the_rootfs(rootfs: Path) -> None:
    (rootfs / "real").mkdir()
    (rootfs / "etc/passwd").rename(rootfs / "real/passwd")
    (rootfs / "etc/passwd").symlink_to("/real/passwd")
    assert resolve_user(rootfs, "app").uid == 1000


def test_the_directory_may_be_a_symlink_to_the_host(rootfs: Path, tmp_path: Path) -> None:
    host = tmp_path / "host"
    (rootfs / "etc").rename(host)
    (rootfs / "etc").symlink_to(host)
    with pytest.raises(UsageError, match="no user 'app'"):
        resolve_user(rootfs, "app")


def test_a_loop_of_symlinks_leads_nowhere(rootfs: Path) -> None:
    (rootfs / "etc/passwd").unlink()
    (rootfs / "etc/passwd").symlink_to("passwd")
    with pytest.raises(UsageError, match="no user 'app'"):
        resolve_user(rootfs, "app")


@pytest.mark.timeout(5)
def test_a_fifo_never_blocks(rootfs: Path) -> None:
    (rootfs / "etc/passwd").unlink()
    os.mkfifo(rootfs / "etc/passwd")
    with pytest.raises(UsageError, match="no user 'app'"):
        resolve_user(rootfs, "app")


@pytest.mark.timeout(5)
def test_a_device_is_not_read(rootfs: Path) -> None:
    (rootfs / "etc/passwd").unlink()
    os.mknod(rootfs / "etc/passwd", stat.S_IFCHR | 0o644, os.makedev(1, 5))
    with pytest.raises(UsageError, match="no user 'app'"):
        resolve_user(rootfs, "app")


def test_a_directory_is_no_account_file(rootfs: Path) -> None:
    (rootfs / "etc/passwd").unlink()
    (rootfs / "etc/passwd").mkdir()
    with pytest.raises(UsageError, match="no user 'app'"):
        resolve_user(rootfs, "app")


def test_the_size_is_bounded(rootfs: Path) -> None:
    os.truncate(rootfs / "etc/passwd", 1 << 40)
    with pytest.raises(UsageError, match="over 16 MiB"):
        resolve_user(rootfs, "app")


def test_names_need_not_be_utf8(rootfs: Path) -> None:
    (rootfs / "etc/passwd").write_bytes(b"caf\xe9:x:8:9::/:\n")
    assert resolve_user(rootfs, os.fsdecode(b"caf\xe9")).uid == 8


def test_open_inside_refuses_symlinks_when_asked(rootfs: Path) -> None:
    (rootfs / "link").symlink_to("etc")
    root = os.open(rootfs, os.O_PATH)
    try:
        with pytest.raises(OSError, match="symbolic links"):
            open_inside(root, b"link/passwd", os.O_RDONLY, follow=False)
        assert read_inside(root, b"/link/../link/group", 1000) == GROUP.encode()
    finally:
        os.close(root)
