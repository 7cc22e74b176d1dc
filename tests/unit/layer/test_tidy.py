"""Tidying write layers that the kernel made: afterwards they hold the delta, and show the same."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from layerctl.layer import tidy as tidy_module
from tests.oracle import assert_same, listing
from tests.property.stored import marks, rescan
from tests.support.mounts import unmount_below
from tests.unit.layer.overlay import Overlay, Tidied, tidied


@pytest.fixture
def overlay(tmp_path: Path) -> Iterator[Overlay]:
    (tmp_path / "lower").mkdir()
    yield Overlay(tmp_path)
    unmount_below(tmp_path)
    subprocess.run(["rm", "-rf", *tmp_path.iterdir()], check=True)  # pytest cannot delete what is very deep


def _make(top: Path, *paths: str) -> None:
    for path in paths:
        place = top / path
        if path.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(path)


def _seal(overlay: Overlay, change: Callable[[Path], None]) -> Tidied:
    """Changes the mounted rootfs and tidies; fails if what shows through is not what it was, or not the delta."""
    change(overlay.mount())
    before = listing(overlay.root)
    overlay.unmount()
    result = tidied(overlay)
    assert_same(before, overlay.over(overlay.upper))
    held = rescan(overlay.upper)
    assert (held.entries, held.links) == (result.delta.entries, result.delta.links)
    assert not list(marks(overlay.upper))
    return result


def _recreate(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()


def test_an_opaque_directory_becomes_one_whiteout_a_child(overlay: Overlay) -> None:
    _make(overlay.lower, "d/a", "d/b", "d/s/x")
    result = _seal(overlay, lambda root: (_recreate(root / "d"), (root / "d/b").write_text("new"))[0])
    assert {path for path, text in result.delta.entries.items() if text is None} == {b"d/a", b"d/s"}


def test_an_opaque_directory_in_an_opaque_directory(overlay: Overlay) -> None:
    """Trap 2: nothing unreadable may be left behind."""
    _make(overlay.lower, "d/s/a", "d/s/b", "d/t/c")

    def change(root: Path) -> None:
        _recreate(root / "d")
        _make(root, "d/s/b")
        _recreate(root / "d/s")

    result = _seal(overlay, change)
    assert {path for path, text in result.delta.entries.items() if text is None} == {b"d/s/a", b"d/s/b", b"d/t"}


def test_a_whiteout_in_a_directory_that_no_lower_layer_has_goes_away(overlay: Overlay) -> None:
    """Trap 2."""
    _make(overlay.lower, "d/s/a")

    def change(root: Path) -> None:
        _recreate(root / "d")
        _make(root, "d/new/x")
        (root / "d/new/x").unlink()

    _seal(overlay, change)
    assert not any(node.kind == "unreadable" for node in listing(overlay.top / "merged").nodes.values())


def test_a_copy_up_that_changed_nothing_is_dropped(overlay: Overlay) -> None:
    _make(overlay.lower, "d/s/a", "b")

    def change(root: Path) -> None:
        os.chown(root / "d/s/a", 0, 0)
        os.chmod(root / "b", stat.S_IMODE((root / "b").stat().st_mode))

    result = _seal(overlay, change)
    assert list(result.delta.entries) == [b""]
    assert os.listdir(overlay.upper) == []


def test_a_file_made_and_deleted_leaves_nothing(overlay: Overlay) -> None:
    def change(root: Path) -> None:
        before = root.stat()
        _make(root, "a", "d/b")
        (root / "a").unlink()
        shutil.rmtree(root / "d")
        os.utime(root, ns=(before.st_atime_ns, before.st_mtime_ns))

    result = _seal(overlay, change)
    assert list(result.delta.entries) == [b""]


@pytest.mark.parametrize("old", ["file", "dir", "symlink", "fifo"])
@pytest.mark.parametrize("new", ["file", "dir", "symlink", "fifo"])
def test_every_type_can_take_the_place_of_every_other(overlay: Overlay, old: str, new: str) -> None:
    """Trap 21."""

    def make(path: Path, kind: str) -> None:
        if kind == "file":
            path.write_text("file")
        elif kind == "dir":
            _make(path, "inside", "s/below")
        elif kind == "symlink":
            path.symlink_to("elsewhere")
        else:
            os.mkfifo(path)

    def change(root: Path) -> None:
        if old == "dir":
            shutil.rmtree(root / "d/x")
        else:
            (root / "d/x").unlink()
        make(root / "d/x", new)

    _make(overlay.lower, "d/", "elsewhere/inside")
    make(overlay.lower / "d/x", old)
    _seal(overlay, change)


def test_one_link_of_three_is_written_to(overlay: Overlay) -> None:
    """Trap 11."""
    _make(overlay.lower, "a")
    for name in ("b", "c"):
        os.link(overlay.lower / "a", overlay.lower / name)
    result = _seal(overlay, lambda root: os.chmod(root / "b", 0o600))
    assert result.delta.entries.keys() == {b"", b"b"}


@pytest.mark.parametrize("moved", ["a", "b", "c"])
def test_one_link_of_three_is_copied_up_and_nothing_else(overlay: Overlay, moved: str) -> None:
    """The pair is broken, although every entry is as it was: the inode below must not show in two layers."""
    _make(overlay.lower, "a")
    for name in ("b", "c"):
        os.link(overlay.lower / "a", overlay.lower / name)
    _seal(overlay, lambda root: os.chown(root / moved, 0, 0))
    groups = {frozenset(group) for group in listing(overlay.top / "merged").links}
    assert groups == {frozenset({b"a", b"b", b"c"} - {moved.encode()})}


def test_a_new_link_to_one_of_three(overlay: Overlay) -> None:
    _make(overlay.lower, "a", "d/")
    for name in ("b", "c"):
        os.link(overlay.lower / "a", overlay.lower / name)
    _seal(overlay, lambda root: os.link(root / "a", root / "d/new"))


def test_links_of_symlinks_and_devices(overlay: Overlay) -> None:
    overlay.lower.joinpath("s").symlink_to("x")
    os.mknod(overlay.lower / "n", stat.S_IFCHR | 0o600, os.makedev(1, 3))

    def change(root: Path) -> None:
        for name in ("s", "n"):
            os.link(root / name, root / f"{name}2", follow_symlinks=False)

    result = _seal(overlay, change)
    assert result.delta.links == ((b"n", b"n2"), (b"s", b"s2"))


def test_a_copy_made_below_a_default_acl_inherits_nothing(overlay: Overlay) -> None:
    """Trap 13."""
    _make(overlay.lower, "d/a")
    os.link(overlay.lower / "d/a", overlay.lower / "d/b")
    subprocess.run(["setfacl", "-d", "-m", "u:1000:rwx", overlay.lower / "d"], check=True)
    _seal(overlay, lambda root: os.chown(root / "d/a", 0, 0))


def test_marks_that_a_container_forged_stay_where_they_are(overlay: Overlay) -> None:
    """Traps 5 and 6."""
    _make(overlay.lower, "d/a", "d/s/b")

    def change(root: Path) -> None:
        os.setxattr(root / "d", "user.overlay.opaque", b"y")
        os.setxattr(root / "d/s", "trusted.overlay.opaque", b"y")

    _seal(overlay, change)
    shown = overlay.top / "merged"
    assert os.getxattr(shown / "d/s", "trusted.overlay.opaque") == b"y"
    assert (shown / "d/s/b").exists() and (shown / "d/a").exists()


def test_directories_that_were_disturbed_get_their_time_back(overlay: Overlay) -> None:
    """Trap 17, and 12: directory times come last of all."""
    _make(overlay.lower, "d/a", "d/s/b", "d/s/c")

    def change(root: Path) -> None:
        _recreate(root / "d")
        _make(root, "d/s/c")
        for name, when in (("d/s", 1), ("d", -1), (".", 2_000_000_000_000_000_003)):
            os.utime(root / name, ns=(when, when))

    _seal(overlay, change)


def test_the_root_keeps_its_own_metadata(overlay: Overlay) -> None:
    """Trap 22."""
    overlay.lower.chmod(0o755)

    def change(root: Path) -> None:
        root.chmod(0o1711)
        os.setxattr(root, "user.k", b"v")

    result = _seal(overlay, change)
    assert list(result.delta.entries) == [b""]


def test_the_same_change_has_the_same_id_whatever_overlay_left_in_it(tmp_path: Path) -> None:
    """Trap 7: origin, impure and their like come and go."""
    ids = []
    for name in ("one", "other"):
        overlay = Overlay(tmp_path / name)
        overlay.top.mkdir()
        _make(overlay.lower, "d/a", "d/b")
        for path in ("d/a", "d/b", "d", "."):
            os.utime(overlay.lower / path, ns=(1, 1))
        try:
            root = overlay.mount()
            if name == "one":
                os.rename(root / "d/a", root / "d/c")
            else:
                content = (root / "d/a").read_bytes()
                (root / "d/a").unlink()
                (root / "d/c").write_bytes(content)
            for path in ("d/c", "d", "."):
                os.utime(root / path, ns=(2, 2))
        finally:
            unmount_below(overlay.top)
        ids.append(tidied(overlay).id)
    assert ids[0] == ids[1]


def test_a_crash_at_any_step_leaves_what_shows_through_as_it_was(
    overlay: Overlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each change to the layer is counted; at each one, in its turn, the process dies."""
    _make(overlay.lower, "d/a", "d/b", "d/s/x", "same", "t/u/v")
    os.link(overlay.lower / "same", overlay.lower / "t/same2")
    root = overlay.mount()
    _recreate(root / "d")
    _make(root, "d/b", "d/s/y", "new/x")
    os.chown(root / "same", 0, 0)
    os.chown(root / "t/u/v", 0, 0)
    (root / "new/x").unlink()
    expected = listing(root)
    overlay.unmount()
    saved = overlay.top / "saved"
    subprocess.run(["cp", "-a", overlay.upper, saved], check=True)
    for step in range(1000):
        done = _die_at(step, overlay, monkeypatch)
        _assert_shows(overlay, expected)
        if done:
            break
        shutil.rmtree(overlay.upper)
        subprocess.run(["cp", "-a", saved, overlay.upper], check=True)
    assert step > 5


class Died(Exception):
    pass


def _die_at(step: int, overlay: Overlay, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Runs until the given number of changes was made; returns whether it came to an end before that."""
    left = [step]

    def counted(real: Callable[..., None]) -> Callable[..., None]:
        def call(*args: object, **kwargs: object) -> None:
            if left[0] == 0:
                raise Died
            left[0] -= 1
            real(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for name in ("unlink", "rmdir", "removexattr"):
            patch.setattr(tidy_module.os, name, counted(getattr(os, name)))
        for name in ("make_whiteout", "_relink"):
            patch.setattr(tidy_module, name, counted(getattr(tidy_module, name)))
        try:
            tidied(overlay)
        except Died:
            return False
    return True


def _assert_shows(overlay: Overlay, expected: object) -> None:
    """What shows now; hard links and times of directories aside, which are set last, and the names of whiteouts.

    A whiteout in a directory that is opaque as well, for that moment, is listed by readdir and denied by lstat.
    """
    root = overlay.mount()
    try:
        shown = listing(root)
        readable = {path for path, node in shown.nodes.items() if node.kind != "unreadable"}
        assert expected.nodes.keys() == readable  # type: ignore[attr-defined]
        for path, node in expected.nodes.items():  # type: ignore[attr-defined]
            if node.kind != "dir":
                assert shown.nodes[path] == node, path
    finally:
        overlay.unmount()
