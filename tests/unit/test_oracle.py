"""The oracle itself: equal copies compare equal, and every single mutation is seen."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle import assert_same, compare, listing
from tests.support import rootfs


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rootfs.make_busybox(tmp_path_factory.mktemp("oracle") / "rootfs")


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    subprocess.run(["cp", "-a", original, tmp_path / "copy"], check=True)
    return tmp_path / "copy"


def test_a_faithful_copy_compares_equal(original: Path, copy: Path) -> None:
    assert compare(listing(original), listing(copy)) == []


def _replace_by(make: Callable[[Path], None]) -> Callable[[Path], None]:
    def mutate(root: Path) -> None:
        (root / "etc/motd").unlink()
        make(root / "etc/motd")

    return mutate


def _unlink_pair(root: Path) -> None:
    """The same bytes and metadata, no longer one inode."""
    two = root / "usr/lib/two"
    status = two.lstat()
    two.unlink()
    two.write_text("linked\n")
    os.utime(two, ns=(0, status.st_mtime_ns))
    os.utime(root / "usr/lib", ns=(0, (root / "usr/lib").lstat().st_mtime_ns))


def _touch(path: Path, **kwargs: bool) -> None:
    os.utime(path, ns=(0, path.lstat().st_mtime_ns + 1), **kwargs)


def _rewrite_same_size(path: Path) -> None:
    mtime = path.lstat().st_mtime_ns
    path.write_bytes(bytes(reversed(path.read_bytes())))
    os.utime(path, ns=(0, mtime))


MUTATIONS: dict[str, tuple[Callable[[Path], object], str]] = {
    "mode": (lambda root: (root / "etc/passwd").chmod(0o640), "mode"),
    "setuid": (lambda root: (root / "usr/bin/tool").chmod(0o755), "mode"),
    "root-mode": (lambda root: root.chmod(0o700), "mode"),
    "owner": (lambda root: os.chown(root / "etc/passwd", 7, -1), "uid"),
    "group": (lambda root: os.chown(root / "etc/passwd", -1, 7), "gid"),
    "symlink-owner": (lambda root: os.lchown(root / "usr/lib/soft", 7, 0), "uid"),
    "nanosecond": (lambda root: _touch(root / "etc/passwd"), "mtime_ns"),
    "symlink-nanosecond": (lambda root: _touch(root / "usr/lib/soft", follow_symlinks=False), "mtime_ns"),
    "directory-nanosecond": (lambda root: _touch(root / "home"), "mtime_ns"),
    "content-of-equal-size": (lambda root: _rewrite_same_size(root / "etc/motd"), "sha256"),
    "size": (lambda root: os.truncate(root / "usr/lib/sparse", 1), "size"),
    "capability": (lambda root: os.removexattr(root / "usr/bin/pinger", "security.capability"), "xattrs"),
    "user-xattr": (lambda root: os.setxattr(root / "etc/noted", "user.empty", b"x"), "xattrs"),
    "directory-xattr": (lambda root: os.removexattr(root / "etc", "user.dir"), "xattrs"),
    "acl": (lambda root: os.removexattr(root / "etc/noted", "system.posix_acl_access"), "xattrs"),
    "default-acl": (lambda root: os.removexattr(root / "home/shared", "system.posix_acl_default"), "xattrs"),
    "missing": (lambda root: (root / "etc/motd").unlink(), "missing file"),
    "extra": (lambda root: (root / "etc/extra").touch(), "unexpected file"),
    "hardlink-broken": (_unlink_pair, "hardlink group missing"),
    "hardlink-new": (lambda root: os.link(root / "etc/motd", root / "etc/motd2"), "hardlink group unexpected"),
    "symlink-hardlink": (
        lambda root: os.link(root / "usr/lib/dangling", root / "usr/lib/dangling2", follow_symlinks=False),
        "hardlink group unexpected",
    ),
    "device-hardlink": (lambda root: os.link(root / "dev/high", root / "dev/high2"), "hardlink group unexpected"),
    "type-directory": (_replace_by(lambda path: path.mkdir()), "kind"),
    "type-symlink": (_replace_by(lambda path: path.symlink_to("x")), "kind"),
    "type-fifo": (_replace_by(lambda path: os.mkfifo(path)), "kind"),
    "type-device": (_replace_by(lambda path: os.mknod(path, stat.S_IFCHR, os.makedev(1, 3))), "rdev"),
    "type-socket": (_replace_by(rootfs.add_socket), "kind"),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_one_mutation_is_seen(original: Path, copy: Path, mutation: str) -> None:
    mutate, said = MUTATIONS[mutation]
    mutate(copy)
    assert said in "\n".join(compare(listing(original), listing(copy)))


def test_a_symlink_target_is_seen(original: Path, copy: Path) -> None:
    (copy / "usr/lib/soft").unlink()
    (copy / "usr/lib/soft").symlink_to("/absolute/../tArget")
    assert "target" in "\n".join(compare(listing(original), listing(copy)))


def test_ignored_fields_are_not_compared(original: Path, copy: Path) -> None:
    _touch(copy / "etc/passwd")
    assert compare(listing(original), listing(copy), ignore=["mtime_ns"]) == []


def test_paths_longer_than_path_max_are_listed(tmp_path: Path) -> None:
    rootfs.make_deep(tmp_path / "deep", depth=60)
    deepest = max(listing(tmp_path / "deep").nodes, key=len)
    assert len(deepest) > os.pathconf("/", "PC_PATH_MAX")
    assert deepest.endswith(b"/leaf")


def test_a_group_with_members_outside_the_tree_is_no_group(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "a").write_text("x")
    os.link(inside / "a", tmp_path / "outside")
    assert listing(inside).links == frozenset()


def test_select_keeps_a_part(original: Path) -> None:
    part = listing(original).select(lambda path: path.startswith(b"usr/lib/"))
    assert set(part.nodes) >= {b"usr/lib/one", b"usr/lib/two"}
    assert frozenset({b"usr/lib/one", b"usr/lib/two"}) in part.links


def test_assert_same_names_the_difference(original: Path, copy: Path) -> None:
    (copy / "etc/motd").unlink()
    with pytest.raises(AssertionError, match=r"etc/motd.*missing"):
        assert_same(original, copy)
