"""Reading write layers that the kernel made, and some that it would not make."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from layerctl.errors import UnsafeWriteLayer
from layerctl.layer.content import digest_bytes
from layerctl.layer.scan import LayerScanner
from layerctl.layer.xattrs import XattrNamespace
from layerctl.model.entry import Entry, Kind
from layerctl.model.ids import Digest
from layerctl.model.scan import Scan
from tests.support import rootfs
from tests.support.mounts import unmount_below
from tests.support.scans import assert_describes
from tests.unit.layer.overlay import Overlay, scanned

_PROJECT = Path(__file__).parents[3]


@pytest.fixture
def overlay(tmp_path: Path) -> Iterator[Overlay]:
    (tmp_path / "lower").mkdir()
    yield Overlay(tmp_path)
    unmount_below(tmp_path)
    subprocess.run(["rm", "-rf", *tmp_path.iterdir()], check=True)  # pytest cannot delete what is very deep


def test_a_tree_with_one_of_everything_is_read_to_the_last_detail(busybox_rootfs: Path) -> None:
    assert_describes(scanned(busybox_rootfs), busybox_rootfs)


# deletion marks


def test_a_deleted_file_is_a_whiteout(overlay: Overlay) -> None:
    (overlay.lower / "a").touch()
    (overlay.mount() / "a").unlink()
    scan = scanned(overlay.upper)
    assert (scan.root.whiteouts, scan.root.files) == ({b"a"}, {})


def test_whiteouts_that_share_an_inode_are_no_hard_links(overlay: Overlay) -> None:
    """Trap 1."""
    for name in "abc":
        (overlay.lower / name).touch()
    root = overlay.mount()
    for name in "abc":
        (root / name).unlink()
    assert scanned(overlay.upper).links == ()


def test_a_recreated_directory_is_opaque(overlay: Overlay) -> None:
    """Trap 4."""
    (overlay.lower / "d/sub").mkdir(parents=True)
    root = overlay.mount()
    shutil.rmtree(root / "d")
    (root / "d").mkdir()
    (root / "brandnew").mkdir()
    scan = scanned(overlay.upper)
    assert scan.root.dirs[b"d"].opaque
    assert not scan.root.opaque


def test_the_opacity_x_is_not_y(overlay: Overlay) -> None:
    """Trap 3."""
    (overlay.lower / "x").mkdir()
    (overlay.lower / "y").mkdir()
    os.setxattr(overlay.lower / "x", "trusted.overlay.opaque", b"x")
    os.setxattr(overlay.lower / "y", "trusted.overlay.opaque", b"y")
    dirs = scanned(overlay.lower).root.dirs
    assert (dirs[b"x"].opaque, dirs[b"y"].opaque) == (False, True)


def test_an_xattr_whiteout_is_a_deletion(overlay: Overlay) -> None:
    """Trap 3."""
    (overlay.lower / "gone").touch()
    (overlay.lower / "kept").write_text("not empty")
    for name in ("gone", "kept"):
        os.setxattr(overlay.lower / name, "trusted.overlay.whiteout", b"y")
    root = scanned(overlay.lower).root
    assert root.whiteouts == {b"gone"}
    assert root.files.keys() == {b"kept"}


def test_xattr_whiteouts_that_share_an_inode_are_deletions_too(overlay: Overlay) -> None:
    (overlay.lower / "one").touch()
    os.setxattr(overlay.lower / "one", "trusted.overlay.whiteout", b"y")
    os.link(overlay.lower / "one", overlay.lower / "two")
    scan = scanned(overlay.lower)
    assert (scan.root.whiteouts, scan.root.files, scan.links) == ({b"one", b"two"}, {}, ())


def test_marks_of_the_other_namespace_are_user_data(overlay: Overlay) -> None:
    """Trap 5: a container may set ``user.overlay.opaque`` on a ``trusted`` mount."""
    (overlay.lower / "d").mkdir()
    (overlay.lower / "f").touch()
    root = overlay.mount()
    os.setxattr(root / "d", "user.overlay.opaque", b"y")
    os.setxattr(root / "f", "user.overlay.whiteout", b"y")
    scan = scanned(overlay.upper)
    assert not scan.root.dirs[b"d"].opaque
    assert scan.root.dirs[b"d"].entry is not None
    assert scan.root.dirs[b"d"].entry.xattrs == ((b"user.overlay.opaque", b"y"),)
    assert scan.root.files[b"f"].xattrs == ((b"user.overlay.whiteout", b"y"),)
    assert scan.root.whiteouts == set()


def test_marks_forged_through_the_mount_are_user_data(overlay: Overlay) -> None:
    """Trap 6: the kernel stores them as ``trusted.overlay.overlay.*``."""
    (overlay.lower / "d").mkdir()
    root = overlay.mount()
    for name in ("opaque", "redirect", "metacopy", "overlay.opaque"):
        os.setxattr(root / "d", f"trusted.overlay.{name}", b"y")
    directory = scanned(overlay.upper).root.dirs[b"d"]
    assert not directory.opaque
    assert directory.entry is not None
    assert {name for name, _ in directory.entry.xattrs} == {
        b"trusted.overlay." + name for name in (b"opaque", b"redirect", b"metacopy", b"overlay.opaque")
    }


def test_overlays_own_attributes_are_no_part_of_a_rootfs(overlay: Overlay) -> None:
    """Trap 7: origin, impure and their like."""
    (overlay.lower / "d").mkdir()
    (overlay.lower / "d/f").write_text("x")
    root = overlay.mount()
    os.chmod(root / "d/f", 0o600)
    os.rename(root / "d/f", root / "d/g")
    assert {"trusted.overlay.origin", "trusted.overlay.impure"} <= {*os.listxattr(overlay.upper / "d")}
    scan = scanned(overlay.upper)
    assert scan.root.dirs[b"d"].entry is not None
    assert scan.root.dirs[b"d"].entry.xattrs == scan.root.dirs[b"d"].files[b"g"].xattrs == ()


@pytest.mark.parametrize("option", ["redirect_dir=on", "metacopy=on"])
def test_half_a_diff_is_refused(overlay: Overlay, option: str) -> None:
    """Trap 8."""
    (overlay.lower / "d").mkdir()
    (overlay.lower / "f").write_text("content")
    root = overlay.mount(f"index=off,{option}")
    if "redirect" in option:
        os.rename(root / "d", root / "moved")
    else:
        os.chmod(root / "f", 0o600)
    overlay.unmount()
    with pytest.raises(UnsafeWriteLayer, match=option.split("=")[0].split("_")[0]):
        scanned(overlay.upper)


def test_a_real_file_called_like_an_oci_whiteout_is_kept(overlay: Overlay) -> None:
    """Trap 9."""
    root = overlay.mount()
    (root / ".wh.foo").write_text("mine")
    (root / ".wh..wh..opq").touch()
    scan = scanned(overlay.upper)
    assert (scan.root.files.keys(), scan.root.whiteouts) == ({b".wh.foo", b".wh..wh..opq"}, set())


# files and metadata


def test_a_chmod_of_one_of_two_links_leaves_no_group(overlay: Overlay) -> None:
    """Trap 11: the copied-up file still says nlink 2 in the mount."""
    (overlay.lower / "a").write_text("x")
    os.link(overlay.lower / "a", overlay.lower / "b")
    root = overlay.mount()
    os.chmod(root / "a", 0o600)
    scan = scanned(overlay.upper)
    assert (scan.root.files.keys(), scan.links) == ({b"a"}, ())


def test_hard_links_of_all_kinds_are_groups(overlay: Overlay) -> None:
    top = overlay.lower
    (top / "d").mkdir()
    (top / "file").write_text("x")
    (top / "soft").symlink_to("x")
    os.mknod(top / "null", 0o20600, os.makedev(1, 3))
    for name in ("file", "soft", "null"):
        os.link(top / name, top / "d" / name, follow_symlinks=False)
        os.link(top / name, top / f"{name}2", follow_symlinks=False)
    assert scanned(top).links == tuple(
        (f"d/{name}".encode(), name.encode(), f"{name}2".encode()) for name in ("file", "null", "soft")
    )


def test_a_link_out_of_the_layer_is_no_group(overlay: Overlay) -> None:
    (overlay.lower / "a").write_text("x")
    os.link(overlay.lower / "a", overlay.top / "outside")
    assert scanned(overlay.lower).links == ()


def test_nothing_but_regular_files_is_ever_opened(overlay: Overlay) -> None:
    """Trap 19: opening a fifo would wait for ever."""
    os.mkfifo(overlay.lower / "fifo")
    rootfs.add_socket(overlay.lower / "socket")
    os.mknod(overlay.lower / "disk", 0o60600, os.makedev(259, 70_000))
    files = scanned(overlay.lower).root.files
    assert [files[name].kind for name in (b"fifo", b"socket", b"disk")] == [Kind.FIFO, Kind.SOCKET, Kind.BLOCK]
    assert files[b"disk"].rdev == (259, 70_000)


def test_the_labels_of_the_stores_own_machine_are_left_out(overlay: Overlay) -> None:
    """Trap 15."""
    namespace = XattrNamespace.TRUSTED
    assert namespace.from_disk(b"security.selinux") is None
    assert namespace.from_disk(b"security.capability") == b"security.capability"


def test_deep_trees_are_read_whole(overlay: Overlay) -> None:
    """Trap 20: the path is 20 times PATH_MAX."""
    rootfs.make_deep(overlay.lower / "deep", depth=800)
    here = scanned(overlay.lower).root.dirs[b"deep"]
    for _ in range(800):
        (here,) = here.dirs.values()
    assert here.files[b"leaf"].digest == digest_bytes(b"deep\n")


@pytest.mark.parametrize("limit", [256])
def test_levels_may_outnumber_the_descriptors_of_a_process(overlay: Overlay, limit: int) -> None:
    """Trap 20: 1024 descriptors are the usual limit, and a tree may be deeper."""
    rootfs.make_deep(overlay.lower / "deep", depth=2 * limit, name="d")
    program = (
        "import sys, resource; resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]),) * 2); "
        "from pathlib import Path; from tests.unit.layer.overlay import scanned; scanned(Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", program, overlay.lower, str(limit)], cwd=_PROJECT, check=True)


def test_a_symlink_on_the_way_is_never_followed(overlay: Overlay) -> None:
    """Trap 21."""
    (overlay.top / "outside").mkdir()
    (overlay.top / "outside/secret").write_text("secret")
    (overlay.lower / "d").symlink_to(overlay.top / "outside")
    scan = scanned(overlay.lower)
    assert (scan.root.files.keys(), scan.root.dirs) == ({b"d"}, {})


def test_sparse_files_have_the_digest_of_their_zeros(overlay: Overlay) -> None:
    with open(overlay.lower / "sparse", "wb") as file:
        file.truncate(3 << 20)
    assert scanned(overlay.lower).root.files[b"sparse"].digest == digest_bytes(bytes(3 << 20))


@pytest.mark.parametrize("tolerant", [False, True])
def test_reading_leaves_no_access_time_to_be_written_back(overlay: Overlay, tolerant: bool) -> None:
    (overlay.lower / "d").mkdir()
    (overlay.lower / "d/a").write_text("x")
    for path in (overlay.lower / "d/a", overlay.lower / "d"):
        os.utime(path, ns=(1, 2))  # older than the last change: even relatime would set it
    fd = os.open(overlay.lower, os.O_RDONLY)
    LayerScanner(XattrNamespace.TRUSTED, tolerant=tolerant).scan(fd)
    os.close(fd)
    assert [os.stat(overlay.lower / path).st_atime_ns for path in ("d", "d/a")] == [1, 1]


def test_what_belongs_to_somebody_else_is_read_all_the_same(overlay: Overlay) -> None:
    """Only a file's owner may ask for no access time."""
    (overlay.lower / "d").mkdir()
    (overlay.lower / "d/a").write_text("x")
    program = (
        "import os, sys; from layerctl.layer.scan import LayerScanner; "
        "from layerctl.layer.xattrs import XattrNamespace; "
        "fd = os.open(sys.argv[1], os.O_RDONLY); os.setgid(65534); os.setuid(65534); "
        "print(LayerScanner(XattrNamespace.TRUSTED).scan(fd).root.dirs[b'd'].files[b'a'].size)"
    )
    done = subprocess.run([sys.executable, "-c", program, overlay.lower], cwd=_PROJECT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1\n", "")


# what a scan may be given


def test_a_remembered_digest_saves_reading(overlay: Overlay) -> None:
    (overlay.lower / "a").write_text("x")
    remembered = Digest(b"r" * 32)
    asked = []

    def known(path: bytes, status: os.stat_result) -> Digest | None:
        asked.append((path, status.st_size))
        return remembered

    fd = os.open(overlay.lower, os.O_RDONLY)
    scan = LayerScanner(XattrNamespace.TRUSTED, known=known).scan(fd)
    os.close(fd)
    assert scan.root.files[b"a"].digest == remembered
    assert asked == [(b"a", 1)]


def test_what_is_known_is_not_even_opened(overlay: Overlay, monkeypatch: pytest.MonkeyPatch) -> None:
    (overlay.lower / "a").write_text("x")
    (overlay.lower / "b").write_text("y")
    os.link(overlay.lower / "b", overlay.lower / "c")
    os.setxattr(overlay.lower / "b", "user.k", b"v")
    opened: list[object] = []
    real = os.open

    def watched(path: object, *args: Any, **kwargs: Any) -> int:
        opened.append(path)
        return real(path, *args, **kwargs)  # type: ignore[arg-type]

    fd = os.open(overlay.lower, os.O_RDONLY)
    read = LayerScanner(XattrNamespace.TRUSTED).scan(fd)
    monkeypatch.setattr(os, "open", watched)
    given = {path: entry.digest for path, entry in read.root.files.items()}
    scan = LayerScanner(XattrNamespace.TRUSTED, known=lambda path, status: given[path]).scan(fd)
    os.close(fd)
    assert (scan, opened) == (read, [])


def test_digests_of_files_with_several_names_are_shared_between_scans(overlay: Overlay) -> None:
    (overlay.lower / "a").write_text("x")
    os.link(overlay.lower / "a", overlay.lower / "b")
    (overlay.lower / "c").write_text("x")
    digests: dict[tuple[int, int], Digest] = {}
    fd = os.open(overlay.lower, os.O_RDONLY)
    first = LayerScanner(XattrNamespace.TRUSTED, digests=digests).scan(fd)
    assert list(digests.values()) == [digest_bytes(b"x")]
    digests |= dict.fromkeys(digests, Digest(b"r" * 32))
    second = LayerScanner(XattrNamespace.TRUSTED, digests=digests).scan(fd)
    os.close(fd)
    assert first.root.files[b"a"].digest == digest_bytes(b"x") == second.root.files[b"c"].digest
    assert second.root.files[b"a"].digest == second.root.files[b"b"].digest == Digest(b"r" * 32)


def _scan_while(top: Path, monkeypatch: pytest.MonkeyPatch, name: str, disturb: Callable[[Path], object]) -> Scan:
    """Scans what somebody is at work in: ``name`` is disturbed between the listing and the reading of it."""
    _disturb(top, monkeypatch, name, disturb)
    fd = os.open(top, os.O_RDONLY)
    try:
        return LayerScanner(XattrNamespace.TRUSTED, tolerant=True).scan(fd)
    finally:
        os.close(fd)


def _disturb(top: Path, monkeypatch: pytest.MonkeyPatch, name: str, disturb: Callable[[Path], object]) -> None:
    real = LayerScanner._file

    def disturbed(scanner: LayerScanner, dir_fd: int, here: bytes, path: bytes) -> Entry | None:
        if path == os.fsencode(name):
            disturb(top / name)
        return real(scanner, dir_fd, here, path)

    monkeypatch.setattr(LayerScanner, "_file", disturbed)


def test_a_file_that_vanishes_while_it_is_read_is_left_out(overlay: Overlay, monkeypatch: pytest.MonkeyPatch) -> None:
    (overlay.lower / "a").write_text("x")
    assert _scan_while(overlay.lower, monkeypatch, "a", Path.unlink).root.files == {}


def test_a_link_that_vanishes_while_it_is_read_leaves_the_others(
    overlay: Overlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    (overlay.lower / "a").write_text("x")
    for name in ("b", "c"):
        os.link(overlay.lower / "a", overlay.lower / name)
    first, *others = os.listdir(overlay.lower)
    scan = _scan_while(overlay.lower, monkeypatch, first, Path.unlink)
    assert scan.root.files.keys() == {os.fsencode(name) for name in others}
    assert scan.links == (tuple(sorted(map(os.fsencode, others))),)


@pytest.mark.parametrize("becomes", ["symlink", "fifo", "directory", "socket"])
def test_a_file_that_turns_into_something_else_while_it_is_read_stops_nothing(
    overlay: Overlay, monkeypatch: pytest.MonkeyPatch, becomes: str
) -> None:
    """A commit of a busy rootfs is never an error."""
    (overlay.lower / "a").write_text("x")

    def swap(path: Path) -> None:
        path.unlink()
        makers = {"symlink": lambda: path.symlink_to("x"), "fifo": lambda: os.mkfifo(path)}
        makers |= {"directory": path.mkdir, "socket": lambda: rootfs.add_socket(path)}
        makers[becomes]()

    assert b"a" not in _scan_while(overlay.lower, monkeypatch, "a", swap).root.files


def test_a_still_layer_that_moves_is_an_error(overlay: Overlay, monkeypatch: pytest.MonkeyPatch) -> None:
    (overlay.lower / "a").write_text("x")
    _disturb(overlay.lower, monkeypatch, "a", Path.unlink)
    with pytest.raises(FileNotFoundError):
        scanned(overlay.lower)


def test_no_descriptor_is_left_open(overlay: Overlay, busybox_rootfs: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    scanned(busybox_rootfs)
    assert len(os.listdir("/proc/self/fd")) == before
