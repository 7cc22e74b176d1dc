"""Making layer directories: by hard links, and by copies of what somebody may be writing to."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from layerctl.errors import Damaged
from layerctl.layer import build as build_module
from layerctl.layer.build import CopyPlacer, LinkPlacer, build_layer
from layerctl.layer.content import digest_bytes
from layerctl.layer.xattrs import XattrNamespace
from layerctl.model.delta import Delta
from layerctl.model.entry import Entry, Kind
from layerctl.model.listing import format_entry
from layerctl.snapshot.apply import apply_scan
from layerctl.snapshot.compare import compare
from layerctl.snapshot.delta import make_delta
from tests.oracle import assert_same, listing
from tests.property.stored import rescan
from tests.support import rootfs
from tests.support.mounts import unmount_below
from tests.unit.layer.overlay import scanned
from tests.unit.snapshot.memory import MemoryObjects

_NAMESPACE = XattrNamespace.TRUSTED


@contextmanager
def _opened(*paths: Path) -> Iterator[list[int]]:
    fds = [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in paths]
    try:
        yield fds
    finally:
        for fd in fds:
            os.close(fd)


def _whole(top: Path) -> Delta:
    objects = MemoryObjects()
    snapshot = apply_scan(objects, None, scanned(top))
    return make_delta(objects, snapshot, compare(objects, None, snapshot))


def _link(source: Path, target: Path, delta: Delta | None = None) -> None:
    target.mkdir(mode=0o700)
    with _opened(source, target) as (below, here):
        place = LinkPlacer([below], _NAMESPACE)
        build_layer(delta or _whole(source), here, place, _NAMESPACE)
        place.close()


def _copy(source: Path, target: Path, delta: Delta | None = None, lower: Path | None = None) -> CopyPlacer:
    target.mkdir(mode=0o700)
    with _opened(source, target, *([lower] if lower else [])) as (above, here, *below):
        fallback = LinkPlacer([], _NAMESPACE, below=below)
        place = CopyPlacer(above, _NAMESPACE, fallback)
        try:
            build_layer(delta or _whole(source), here, place, _NAMESPACE)
        finally:
            place.close()
            fallback.close()
    return place


@pytest.mark.parametrize("build", [_link, _copy])
def test_a_tree_with_one_of_everything_comes_out_the_same(build: object, tmp_path: Path, busybox_rootfs: Path) -> None:
    build(busybox_rootfs, tmp_path / "made")  # type: ignore[operator]
    assert_same(busybox_rootfs, tmp_path / "made")


def test_links_take_no_space_and_copies_share_no_inode(tmp_path: Path, busybox_rootfs: Path) -> None:
    source = tmp_path / "source"
    _copy(busybox_rootfs, source)
    _link(source, tmp_path / "linked")
    one, other, copy = ((top / "etc/motd").stat().st_ino for top in (source, tmp_path / "linked", busybox_rootfs))
    assert one == other != copy


def test_setuid_and_capabilities_survive_the_change_of_owner(tmp_path: Path) -> None:
    """Trap 12: chown takes both away."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "tool").touch()
    os.chown(source / "tool", 1000, 1000)
    (source / "tool").chmod(0o6755)
    os.setxattr(source / "tool", "security.capability", rootfs.NET_RAW)
    _copy(source, tmp_path / "made")
    made = tmp_path / "made/tool"
    assert stat.S_IMODE(made.stat().st_mode) == 0o6755
    assert os.getxattr(made, "security.capability") == rootfs.NET_RAW
    assert_same(source, tmp_path / "made")


def test_a_mode_that_forbids_its_owner_everything(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "d").mkdir(parents=True)
    (source / "d/f").write_text("x")
    for name in ("d/f", "d"):
        (source / name).chmod(0)
    _copy(source, tmp_path / "made")
    assert_same(source, tmp_path / "made")


def test_holes_stay_holes(tmp_path: Path) -> None:
    """Trap 18."""
    source = tmp_path / "source"
    source.mkdir()
    with open(source / "sparse", "wb") as file:
        file.truncate(100 << 20)
        file.seek(50 << 20)
        file.write(b"island")
    _copy(source, tmp_path / "made")
    assert_same(source, tmp_path / "made")
    assert (tmp_path / "made/sparse").stat().st_blocks * 512 < 1 << 20


def test_nothing_inherits_a_default_acl(tmp_path: Path) -> None:
    """Trap 13."""
    source = tmp_path / "source"
    (source / "d/s").mkdir(parents=True)
    (source / "d/f").touch()
    (source / "d/l").symlink_to("f")
    os.mkfifo(source / "d/p")
    subprocess.run(["setfacl", "-d", "-m", "u:1000:rwx", source / "d"], check=True)
    _copy(source, tmp_path / "made")
    assert_same(source, tmp_path / "made")


def test_attributes_of_the_mounts_own_prefix_are_escaped_on_disk(tmp_path: Path) -> None:
    """Trap 6."""
    (tmp_path / "made").mkdir()
    forged = ((b"trusted.overlay.opaque", b"y"),)
    root = Entry(Kind.DIR, 0o755, 0, 0, 0)
    delta = Delta({b"": format_entry(root), b"d": format_entry(root._replace(xattrs=forged))})
    with _opened(tmp_path / "made") as (here,):
        build_layer(delta, here, LinkPlacer([], _NAMESPACE), _NAMESPACE)
    assert os.listxattr(tmp_path / "made/d") == ["trusted.overlay.overlay.opaque"]
    assert rescan(tmp_path / "made").entries == delta.entries


def test_a_whiteout_is_what_overlayfs_takes_for_one(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    root = format_entry(Entry(Kind.DIR, 0o755, 0, 0, 5))
    with _opened(tmp_path / "made") as (here,):
        build_layer(Delta({b"": root, b"gone": None}), here, LinkPlacer([], _NAMESPACE), _NAMESPACE)
    status = (tmp_path / "made/gone").lstat()
    assert stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
    assert (tmp_path / "made").stat().st_mtime_ns == 5


def test_paths_beyond_path_max_and_many_levels(tmp_path: Path) -> None:
    """Trap 20."""
    for name, depth in (("d" * 100, 60), ("d", 1030)):
        source = tmp_path / f"source{depth}"
        rootfs.make_deep(source, depth=depth, name=name)
        _copy(source, tmp_path / f"made{depth}")
        assert_same(source, tmp_path / f"made{depth}")
        for top in (source, tmp_path / f"made{depth}"):
            subprocess.run(["rm", "-rf", top], check=True)


# where content comes from


def test_the_topmost_layer_that_has_a_path_provides_it(tmp_path: Path) -> None:
    for name in ("upper", "lower"):
        (tmp_path / name / "d").mkdir(parents=True)
        (tmp_path / name / "d/f").write_text(name)
    (tmp_path / "lower/d/only").write_text("lower")
    (tmp_path / "made").mkdir()
    with _opened(tmp_path / "upper", tmp_path / "lower", tmp_path / "made") as (upper, lower, here):
        place = LinkPlacer([upper, lower], _NAMESPACE)
        place(b"d/f", _entry(tmp_path / "upper/d/f"), here, b"f")
        place(b"d/only", _entry(tmp_path / "lower/d/only"), here, b"only")
        with pytest.raises(Damaged, match="no layer holds /d/none"):
            place(b"d/none", _entry(tmp_path / "upper/d/f"), here, b"none")
        place.close()
    assert (tmp_path / "made/f").samefile(tmp_path / "upper/d/f")
    assert (tmp_path / "made/only").samefile(tmp_path / "lower/d/only")


def test_what_comes_from_a_layer_below_is_never_the_same_inode(tmp_path: Path) -> None:
    (tmp_path / "lower").mkdir()
    (tmp_path / "lower/f").write_text("x")
    (tmp_path / "made").mkdir()
    with _opened(tmp_path / "lower", tmp_path / "made") as (lower, here):
        place = LinkPlacer([], _NAMESPACE, below=[lower])
        place(b"f", _entry(tmp_path / "lower/f"), here, b"f")
        place.close()
    assert not (tmp_path / "made/f").samefile(tmp_path / "lower/f")
    assert listing(tmp_path / "made").nodes[b"f"] == listing(tmp_path / "lower").nodes[b"f"]


@pytest.mark.parametrize("becomes", ["symlink", "file"])
def test_a_layer_never_gives_what_lies_behind_a_symlink(tmp_path: Path, becomes: str) -> None:
    """Trap 21."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/f").write_text("secret")
    (tmp_path / "lower").mkdir()
    if becomes == "symlink":
        (tmp_path / "lower/d").symlink_to(tmp_path / "outside")
    else:
        (tmp_path / "lower/d").write_text("no directory")
    (tmp_path / "made").mkdir()
    with _opened(tmp_path / "lower", tmp_path / "made") as (lower, here):
        place = LinkPlacer([lower], _NAMESPACE)
        with pytest.raises(Damaged):
            place(b"d/f", _entry(tmp_path / "outside/f"), here, b"f")
        place.close()


def test_where_no_link_is_possible_a_copy_is_made(tmp_path: Path, loop_mount: object) -> None:
    other = loop_mount("other", megabytes=16)  # type: ignore[operator]
    try:
        source = tmp_path / "source"
        source.mkdir()
        (source / "f").write_text("x")
        (source / "s").symlink_to("f")
        os.mkfifo(source / "p")
        _link(source, other / "made")
        assert_same(source, other / "made")
    finally:
        unmount_below(tmp_path)


# what somebody may be writing to


def _entry(path: Path) -> Entry:
    return scanned(path.parent).root.files[os.fsencode(path.name)]


@pytest.fixture
def busy(tmp_path: Path) -> Path:
    (tmp_path / "busy/d").mkdir(parents=True)
    (tmp_path / "busy/d/a").write_text("a")
    (tmp_path / "busy/d/b").write_text("b")
    return tmp_path / "busy"


def test_digests_are_those_of_the_copies(busy: Path, tmp_path: Path) -> None:
    delta = _whole(busy)
    (busy / "d/a").write_text("changed after the scan")
    place = _copy(busy, tmp_path / "made", delta)
    assert place.digests == {b"d/a": digest_bytes(b"changed after the scan"), b"d/b": digest_bytes(b"b")}
    assert (tmp_path / "made/d/a").stat().st_mtime_ns == (busy / "d/a").stat().st_mtime_ns


def test_a_file_that_vanished_since_the_scan_is_left_out(busy: Path, tmp_path: Path) -> None:
    """A commit of a busy rootfs is never an error."""
    delta = _whole(busy)
    (busy / "d/a").unlink()
    _copy(busy, tmp_path / "made", delta)
    assert os.listdir(tmp_path / "made/d") == ["b"]


def test_a_directory_that_vanished_since_the_scan_is_left_empty(busy: Path, tmp_path: Path) -> None:
    delta = _whole(busy)
    subprocess.run(["rm", "-rf", busy / "d"], check=True)
    _copy(busy, tmp_path / "made", delta)
    assert os.listdir(tmp_path / "made/d") == []


@pytest.mark.parametrize("becomes", ["whiteout", "directory", "symlink", "fifo"])
def test_a_file_that_became_something_else_since_the_scan_is_left_out(busy: Path, tmp_path: Path, becomes: str) -> None:
    delta = _whole(busy)
    (busy / "d/a").unlink()
    if becomes == "whiteout":
        os.mknod(busy / "d/a", stat.S_IFCHR, 0)
    elif becomes == "directory":
        (busy / "d/a").mkdir()
    elif becomes == "symlink":
        (busy / "d/a").symlink_to("b")
    else:
        os.mkfifo(busy / "d/a")
    _copy(busy, tmp_path / "made", delta)
    assert os.listdir(tmp_path / "made/d") == ["b"]


def test_links_to_a_file_that_vanished_go_with_it(busy: Path, tmp_path: Path) -> None:
    os.link(busy / "d/a", busy / "d/a2")
    delta = _whole(busy)
    (busy / "d/a").unlink()
    _copy(busy, tmp_path / "made", delta)
    assert set(os.listdir(tmp_path / "made/d")) <= {"a2", "b"}


def test_a_file_is_copied_again_while_it_changes_under_the_copy(
    busy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_content, left = build_module.copy_content, [2]

    def disturbed(source: int, target: int) -> None:
        copy_content(source, target)
        if left[0]:
            left[0] -= 1
            with open(busy / "d/a", "a") as file:
                file.write("more")

    monkeypatch.setattr(build_module, "copy_content", disturbed)
    place = _copy(busy, tmp_path / "made")
    assert (tmp_path / "made/d/a").read_text() == "amoremore"
    assert place.digests[b"d/a"] == digest_bytes(b"amoremore")


def test_a_file_that_never_rests_is_copied_all_the_same(
    busy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_content = build_module.copy_content

    def disturbed(source: int, target: int) -> None:
        copy_content(source, target)
        with open(busy / "d/a", "w") as file:
            file.write("")

    monkeypatch.setattr(build_module, "copy_content", disturbed)
    place = _copy(busy, tmp_path / "made")
    for name in (b"d/a", b"d/b"):
        assert place.digests[name] == digest_bytes((tmp_path / "made" / os.fsdecode(name)).read_bytes())
