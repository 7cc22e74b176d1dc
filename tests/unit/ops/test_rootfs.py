"""A worktree's rootfs, wherever it is and whatever happened to its mount."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerctl import Quiescence
from layerctl.errors import Busy
from layerctl.mount.table import mount_at
from layerctl.mount.worktree import WorktreeMount
from layerctl.ops import mounting
from tests.oracle import assert_same, listing
from tests.support.mounts import unmount_below
from tests.unit.mount.people import using
from tests.unit.ops.conftest import Box

_ODD = [b"co:lon", b"com,ma", b"back\\slash", b"a:b,c\\:d\\,e", b"sp ace ", b"new\nline", b"\xff\xfe", "snow☃".encode()]


def _with_held(source: Path) -> None:
    (source / "held").write_text("content")


@pytest.fixture(params=_ODD)
def odd_box(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Box]:
    place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + request.param))
    place.mkdir()
    yield Box(place)
    unmount_below_odd(tmp_path)


def unmount_below_odd(top: Path) -> None:
    """By layerctl's own hand where umount(8) cannot be given the name."""
    for path in (*top.glob("*/r/rootfs"), *top.glob("*/r/rootfs-elsewhere")):
        while mount_at(path) is not None:
            WorktreeMount(path).detach_now()
    unmount_below(top)


def test_a_repository_in_an_odd_place(odd_box: Box) -> None:
    """Trap 33."""
    odd_box.base(_with_held)
    (odd_box.root / "new").write_text("x")
    odd_box.commit()
    (odd_box.root / "held").unlink()
    with using(odd_box.root, "working directory"):
        assert odd_box.repo.commit("busy").layer.quiescence is Quiescence.LIVE
    assert os.listdir(odd_box.elsewhere()) == ["new"]
    odd_box.repo.rollback(count=2)
    assert os.listdir(odd_box.root) == ["held"]
    odd_box.repo.undo()
    assert os.listdir(odd_box.root) == ["new"]


def test_a_rootfs_that_was_unmounted_comes_back_with_its_changes(box: Box) -> None:
    box.base(_with_held)
    (box.root / "new").write_text("x")
    before = listing(box.root)
    subprocess.run(["umount", box.root], check=True)
    box.repo.checkout()
    assert_same(before, box.root)


@pytest.mark.parametrize("how", ["busy", "partial"])
def test_it_comes_back_after_a_commit_that_left_the_write_layer(box: Box, how: str) -> None:
    """The mount then lies on an older commit than HEAD, and the changes since stay uncommitted."""
    box.base(_with_held)
    (box.root / "one").write_text("1")
    if how == "busy":
        with using(box.root, "working directory"):
            box.repo.commit("busy")
    else:
        box.repo.commit("partly", paths=[b"one"])
    (box.root / "two").write_text("2")
    before = listing(box.root)
    subprocess.run(["umount", box.root], check=True)
    box.repo.checkout()
    assert_same(before, box.root)
    assert [change.path for change in box.repo.status().changes if not change.is_noise] == [b"two"]
    box.commit()


def test_a_write_layer_that_is_still_written_is_not_mounted_twice(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 30."""
    monkeypatch.setattr(mounting, "_TEARDOWN_SECONDS", 0.2)
    box.base(_with_held)
    with using(box.root, "writer"):
        subprocess.run(["umount", "-l", box.root], check=True)
        with pytest.raises(Busy):
            box.repo.checkout()
        assert mount_at(box.root) is None
    box.repo.checkout()
    assert mount_at(box.root) is not None


def test_a_rollback_under_a_shell_keeps_its_view_and_undo_brings_it_back(box: Box) -> None:
    box.base(_with_held)
    (box.root / "new").write_text("x")
    box.commit()
    (box.root / "newer").write_text("x")
    before = listing(box.root)
    with using(box.root, "working directory"):
        box.repo.rollback()
        assert os.listdir(box.root) == ["held"]
        box.repo.undo()
        assert_same(before, box.root)
    box.commit()


def test_a_rollback_does_not_depend_on_how_much_has_changed(box: Box) -> None:
    """The write layer is renamed: the same inode lies in parked/ afterwards, and its content was not read."""
    box.base(_with_held)
    (box.root / "big").write_bytes(b"x" * 100_000)
    inodes = {(box.upper / "big").stat().st_ino, box.upper.stat().st_ino}
    number = box.repo.rollback("HEAD").operation
    parked = box.layout.parked / str(number) / "upper"
    assert {(parked / "big").stat().st_ino, parked.stat().st_ino} == inodes


def test_volatile_leaves_no_mark_that_blocks_the_next_mount(box: Box) -> None:
    """Trap 32."""
    box.base(_with_held)
    box.repo.checkout("HEAD", detach=True, volatile=True)
    (box.root / "new").write_text("x")
    with using(box.root, "working directory"):
        subprocess.run(["umount", "-l", box.root], check=True)
    box.repo.checkout()
    assert (box.root / "new").read_text() == "x"


def test_read_only_stays_read_only(box: Box) -> None:
    box.base(_with_held)
    box.repo.checkout("HEAD", detach=True, read_only=True)
    for _ in range(2):
        with pytest.raises(OSError):
            (box.root / "new").touch()
        assert box.repo.status().changes == ()
