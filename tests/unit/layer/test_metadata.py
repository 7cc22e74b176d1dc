"""Metadata put back by descriptor and name."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerctl.layer.metadata import (
    apply_metadata,
    apply_root_metadata,
    is_whiteout,
    kind_of,
    make_bare_node,
    make_node,
    make_whiteout,
)
from layerctl.layer.xattrs import XattrNamespace
from layerctl.model.entry import Entry, Kind
from tests.support.rootfs import NET_RAW
from tests.unit.layer.overlay import scanned

_NAMESPACE = XattrNamespace.TRUSTED
_ALL = [
    Entry(Kind.DIR, 0o2750, 5, 6, -1, xattrs=((b"user.k", b"v"),)),
    Entry(Kind.SYMLINK, 0o777, 5, 6, 1_700_000_000_123_456_789, target=b"/nowhere/\xff", xattrs=((b"trusted.k", b""),)),
    Entry(Kind.CHAR, 0o640, 5, 6, 1, rdev=(1, 3)),
    Entry(Kind.BLOCK, 0o640, 5, 6, 1, rdev=(259, 70_000), xattrs=((b"security.k", b"\0"),)),
    Entry(Kind.FIFO, 0o600, 2**32 - 2, 6, 1),
    Entry(Kind.SOCKET, 0o4755, 5, 6, 1),
]


@pytest.fixture
def top(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("entry", _ALL, ids=lambda entry: entry.kind.value)
def test_every_kind_is_made_as_its_entry_says(tmp_path: Path, top: int, entry: Entry) -> None:
    make_node(top, b"x", entry)
    apply_metadata(top, b"x", entry, _NAMESPACE)
    root = scanned(tmp_path).root
    found = root.dirs[b"x"].entry if entry.kind is Kind.DIR else root.files[b"x"]
    assert found == entry


def test_a_new_file_is_private_until_its_metadata_is_there(tmp_path: Path, top: int) -> None:
    os.umask(os.umask(0))
    for kind in (Kind.FILE, Kind.DIR, Kind.FIFO):
        make_node(top, kind.value.encode(), Entry(kind, 0o777, 0, 0, 0))
        assert stat.S_IMODE((tmp_path / kind.value).stat().st_mode) & 0o077 == 0


def test_an_existing_file_is_never_opened(top: int) -> None:
    make_node(top, b"x", Entry(Kind.FILE, 0o600, 0, 0, 0))
    with pytest.raises(FileExistsError):
        make_node(top, b"x", Entry(Kind.FILE, 0o600, 0, 0, 0))


def test_owner_then_mode_then_attributes_then_times(tmp_path: Path, top: int) -> None:
    """Trap 12: any other order loses setuid, capabilities or the time."""
    acl = _acl(tmp_path)
    xattrs = ((b"security.capability", NET_RAW), (b"system.posix_acl_access", acl))
    entry = Entry(Kind.FILE, 0o6664, 1000, 1000, 3, xattrs=xattrs)
    make_node(top, b"x", entry)
    apply_metadata(top, b"x", entry, _NAMESPACE)
    found = scanned(tmp_path).root.files[b"x"]
    assert (found.mode, found.uid, found.mtime_ns, found.xattrs) == (0o6664, 1000, 3, xattrs)


def _acl(top: Path) -> bytes:
    (top / "acl").touch(0o664)
    subprocess.run(["setfacl", "-m", "u:1000:rw,m::rw", top / "acl"], check=True)
    return os.getxattr(top / "acl", "system.posix_acl_access")


def test_a_bare_node_inherits_no_acl(tmp_path: Path, top: int) -> None:
    """Trap 13."""
    subprocess.run(["setfacl", "-d", "-m", "u:1000:rwx", tmp_path], check=True)
    for number, kind in enumerate((Kind.FILE, Kind.DIR, Kind.FIFO, Kind.SYMLINK)):
        make_bare_node(top, b"%d" % number, Entry(kind, 0o644, 0, 0, 0, target=b"x"))
        assert os.listxattr(tmp_path / str(number), follow_symlinks=False) == []


def test_a_symlinks_target_is_left_alone(tmp_path: Path, top: int) -> None:
    (tmp_path / "target").touch(0o600)
    before = (tmp_path / "target").stat()
    entry = Entry(Kind.SYMLINK, 0o777, 5, 5, 5, target=b"target", xattrs=((b"trusted.k", b"v"),))
    make_node(top, b"link", entry)
    apply_metadata(top, b"link", entry, _NAMESPACE)
    after = (tmp_path / "target").stat()
    assert (after.st_uid, after.st_mode, after.st_mtime_ns) == (before.st_uid, before.st_mode, before.st_mtime_ns)
    assert os.listxattr(tmp_path / "target") == []


def test_the_root_gets_its_metadata_too(tmp_path: Path, top: int) -> None:
    """Trap 22."""
    entry = Entry(Kind.DIR, 0o1711, 5, 6, 7, xattrs=((b"user.k", b""),))
    apply_root_metadata(top, entry, _NAMESPACE)
    assert scanned(tmp_path).root.entry == entry


def test_only_character_device_zero_is_a_whiteout(tmp_path: Path, top: int) -> None:
    make_whiteout(top, b"w")
    os.mknod(tmp_path / "null", stat.S_IFCHR, os.makedev(1, 3))
    os.mknod(tmp_path / "block", stat.S_IFBLK, os.makedev(0, 0))
    assert [is_whiteout((tmp_path / name).lstat()) for name in ("w", "null", "block")] == [True, False, False]
    assert kind_of((tmp_path / "w").lstat().st_mode) is Kind.CHAR
