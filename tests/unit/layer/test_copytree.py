"""Copying a directory tree into a layer: fidelity to the last bit, and nothing opened that must not be."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from layerctl.errors import BadArchive, NoSpace
from layerctl.layer.copytree import copy_tree
from layerctl.layer.xattrs import XattrNamespace
from layerctl.model.scan import Scan
from tests.oracle import assert_same, listing
from tests.support import rootfs
from tests.support.scans import assert_describes


def _copy(source: Path, target: Path, **options: Any) -> Scan:
    target.mkdir()
    source_fd, target_fd = os.open(source, os.O_RDONLY), os.open(target, os.O_RDONLY)
    try:
        return copy_tree(source_fd, target_fd, **{"namespace": XattrNamespace.TRUSTED, **options})
    finally:
        os.close(source_fd)
        os.close(target_fd)


@pytest.fixture
def source(workdir: Path) -> Path:
    path = workdir / "source"
    path.mkdir()
    return path


def test_everything_is_kept(workdir: Path, busybox_rootfs: Path) -> None:
    scan = _copy(busybox_rootfs, workdir / "copy")
    assert_describes(scan, workdir / "copy")
    assert_same(busybox_rootfs, workdir / "copy")
    assert {b"dev/null", b"dev/null2"} in map(set, scan.links)


def test_the_source_stays_as_it_was(workdir: Path, busybox_rootfs: Path) -> None:
    before = listing(busybox_rootfs)
    _copy(busybox_rootfs, workdir / "copy")
    assert_same(before, busybox_rootfs)


def test_sockets_are_copied(workdir: Path, source: Path) -> None:
    """TRAPS 19."""
    rootfs.add_socket(source / "sock")
    assert_describes(_copy(source, workdir / "copy"), workdir / "copy")
    assert (workdir / "copy/sock").is_socket()


def test_no_fifo_and_no_device_is_ever_opened(workdir: Path, source: Path) -> None:
    """TRAPS 19: a fifo would block for ever."""
    os.mkfifo(source / "a-fifo")
    os.mknod(source / "a-device", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    os.mknod(source / "a-disk", stat.S_IFBLK | 0o600, os.makedev(7, 99))
    rootfs.add_socket(source / "a-socket")
    opened: list[str] = []
    real = os.open

    def watched(path: Any, *args: Any, **options: Any) -> int:
        opened.append(os.fsdecode(path))
        return real(path, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", watched)
        _copy(source, workdir / "copy")
    assert [name for name in opened if name.startswith("a-")] == []
    assert_same(source, workdir / "copy")


@pytest.mark.parametrize("size", [0, 1, 4096, 131_072, 131_073, 5_000_000])
def test_content_and_digest(workdir: Path, source: Path, size: int) -> None:
    content = os.urandom(size)
    (source / "f").write_bytes(content)
    scan = _copy(source, workdir / "copy")
    assert (workdir / "copy/f").read_bytes() == content
    assert (scan.root.files[b"f"].size, scan.root.files[b"f"].digest) == (size, blake3(content).digest())


def test_holes_are_kept(workdir: Path, source: Path) -> None:
    """TRAPS 18."""
    for name, islands in (("none", []), ("start", [0]), ("middle", [5 << 20, 7 << 20]), ("end", [(20 << 20) - 6])):
        with open(source / name, "wb") as file:
            file.truncate(20 << 20)
            for offset in islands:
                file.seek(offset)
                file.write(b"island")
    assert_describes(_copy(source, workdir / "copy"), workdir / "copy")
    assert_same(source, workdir / "copy")
    assert rootfs.allocated(workdir / "copy") < 1 << 20


def test_hard_links_are_found_by_inode_and_not_by_count(workdir: Path, source: Path) -> None:
    """TRAPS 11: one name of the group lies outside, so nlink says more than there is."""
    (source / "one").write_text("x")
    os.link(source / "one", workdir / "outside")
    (source / "a").write_text("y")
    (source / "d").mkdir()
    os.link(source / "a", source / "d/b")
    os.symlink("t", source / "s")
    os.link(source / "s", source / "d/s", follow_symlinks=False)
    scan = _copy(source, workdir / "copy")
    assert_describes(scan, workdir / "copy")
    assert scan.links == ((b"a", b"d/b"), (b"d/s", b"s"))
    assert (workdir / "copy/one").stat().st_nlink == 1


def test_a_tree_deeper_than_path_max(workdir: Path) -> None:
    """TRAPS 20: 1200 levels, 120,000 bytes of path, and beyond Python's recursion limit."""
    try:
        rootfs.make_deep(workdir / "deep", depth=1200)
        scan = _copy(workdir / "deep", workdir / "copy")
    finally:
        subprocess.run(["rm", "-rf", workdir / "deep", workdir / "copy"], check=True)  # shutil.rmtree recurses
    depth, here = 0, scan.root
    while here.dirs:
        depth, here = depth + 1, here.dirs[b"d" * 100]
    assert (depth, here.files[b"leaf"].size) == (1200, 5)


def test_a_whiteout_in_a_plain_directory_is_refused(workdir: Path, source: Path) -> None:
    (source / "d").mkdir()
    os.mknod(source / "d/gone", stat.S_IFCHR, os.makedev(0, 0))
    with pytest.raises(BadArchive, match="d/gone"):
        _copy(source, workdir / "copy")


def test_marks_of_overlayfs_are_left_behind(workdir: Path, source: Path) -> None:
    """TRAPS 6: the write layer of somebody's container hides nothing here."""
    (source / "d").mkdir()
    os.setxattr(source / "d", "trusted.overlay.opaque", b"y")
    os.setxattr(source / "d", "trusted.mine", b"kept")
    os.setxattr(source / "d", "user.overlay.opaque", b"y")
    scan = _copy(source, workdir / "copy")
    assert sorted(os.listxattr(workdir / "copy/d")) == ["trusted.mine", "user.overlay.opaque"]
    assert scan.root.dirs[b"d"].entry is not None
    assert scan.root.dirs[b"d"].entry.xattrs == ((b"trusted.mine", b"kept"), (b"user.overlay.opaque", b"y"))


def test_a_default_acl_is_not_inherited_by_the_copy(workdir: Path, source: Path) -> None:
    (source / "d").mkdir()
    (source / "d/f").touch()
    (source / "d/e").mkdir()
    subprocess.run(["setfacl", "-d", "-m", "u:1000:rwx", source / "d"], check=True)
    assert_describes(_copy(source, workdir / "copy"), workdir / "copy")
    assert_same(source, workdir / "copy")


def test_what_is_excluded_is_not_there(workdir: Path, source: Path) -> None:
    (source / "kept").mkdir()
    (source / "kept/.layerctl").mkdir()
    (source / "kept/.layerctl/x").touch()
    status = (source / "kept/.layerctl").stat()
    scan = _copy(source, workdir / "copy", exclude=frozenset({(status.st_dev, status.st_ino)}))
    assert_describes(scan, workdir / "copy")
    assert not scan.root.dirs[b"kept"].dirs


def test_mounted_file_systems_are_copied(loop_mount: Callable[..., Path], workdir: Path, source: Path) -> None:
    """As tar and docker do."""
    point = loop_mount("disk", megabytes=16)
    (point / "f").write_text("on another disk")
    (source / "mnt").mkdir()
    subprocess.run(["mount", "--bind", point, source / "mnt"], check=True)
    assert_describes(_copy(source, workdir / "copy"), workdir / "copy")
    assert (workdir / "copy/mnt/f").read_text() == "on another disk"


def test_a_file_that_changes_meanwhile_has_the_digest_of_what_was_written(workdir: Path, source: Path) -> None:
    path = source / "busy"
    path.write_bytes(os.urandom(4 << 20))
    stop = threading.Event()

    def scribble() -> None:
        with open(path, "r+b", buffering=0) as file:
            while not stop.is_set():
                file.seek(0)
                file.write(os.urandom(1 << 16))
                file.truncate(3 << 20)
                file.seek(4 << 20)
                file.write(b"x")

    thread = threading.Thread(target=scribble)
    thread.start()
    try:
        for number in range(10):
            scan = _copy(source, workdir / f"copy{number}")
            content = (workdir / f"copy{number}/busy").read_bytes()
            entry = scan.root.files[b"busy"]
            assert (entry.size, entry.digest) == (len(content), blake3(content).digest())
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("what", ["file", "directory", "symlink"])
def test_what_vanishes_meanwhile_is_not_there(
    workdir: Path, source: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    (source / "stays").touch()
    makers: dict[str, Callable[[Path], None]] = {
        "file": Path.touch,
        "directory": Path.mkdir,
        "symlink": lambda path: path.symlink_to("x"),
    }
    makers[what](source / "goes")
    real = os.stat

    def stat_then_remove(path: Any, **options: Any) -> os.stat_result:
        status = real(path, **options)
        if path == b"goes":
            (source / "goes").rmdir() if what == "directory" else (source / "goes").unlink()
        return status

    monkeypatch.setattr(os, "stat", stat_then_remove)
    scan = _copy(source, workdir / "copy")
    monkeypatch.undo()
    assert_describes(scan, workdir / "copy")
    assert list(scan.root.files) == [b"stays"]


def test_a_file_that_turns_into_a_fifo_does_not_hang(
    workdir: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "f").touch()
    real = os.open

    def swap_then_open(path: Any, *args: Any, **options: Any) -> int:
        if path == b"f":
            (source / "f").unlink()
            os.mkfifo(source / "f")
        return real(path, *args, **options)

    monkeypatch.setattr(os, "open", swap_then_open)
    with pytest.raises(BadArchive, match="changed its type"):
        _copy(source, workdir / "copy")


def test_a_full_disk_is_said_so(loop_mount: Callable[..., Path], source: Path) -> None:
    (source / "big").write_bytes(os.urandom(16 << 20))
    with pytest.raises(NoSpace, match="big"):
        _copy(source, loop_mount("small", megabytes=8) / "copy")


def test_no_descriptor_is_left_open(workdir: Path, busybox_rootfs: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    _copy(busybox_rootfs, workdir / "copy")
    assert len(os.listdir("/proc/self/fd")) == before


def test_progress_is_told(workdir: Path, source: Path) -> None:
    for number in range(1100):
        (source / str(number)).touch()
    seen: list[int] = []
    _copy(source, workdir / "copy", progress=lambda stage, done, total: seen.append(done))
    assert seen == [1000]
