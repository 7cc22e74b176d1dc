"""The mount table, and who uses a mount."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from layerctl.mount.overlay import OverlaySpec
from layerctl.mount.table import mount_at, read_mounts, users
from layerctl.mount.worktree import WorktreeMount
from tests.unit.mount.people import WAYS, using

_listdir = os.listdir


@pytest.fixture
def root(top: Path, spec: Callable[..., OverlaySpec]) -> Path:
    WorktreeMount(top / "root").attach(spec("a"))
    (top / "root/held").write_text("content")
    return top / "root"


@pytest.mark.parametrize("name", ["sp ace", "tab\t", "new\nline", "back\\slash", "\udcff", "hash#", "\\040"])
def test_a_mount_is_found_whatever_its_name(top: Path, spec: Callable[..., OverlaySpec], name: str) -> None:
    mount = WorktreeMount(top / name)
    mount.attach(spec("a"))
    found = mount_at(top / name)
    assert found is not None
    assert (found.filesystem, found.mountpoint) == ("overlay", str(top / name))
    assert found.device == (os.major((top / name).stat().st_dev), os.minor((top / name).stat().st_dev))


def test_of_mounts_over_each_other_the_topmost_counts(root: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "none", root], check=True)
    found = mount_at(root)
    assert found is not None and found.filesystem == "tmpfs"
    assert WorktreeMount(root).current is None


def test_read_only_is_that_of_the_superblock(root: Path) -> None:
    assert mount_at(root) is not None and not mount_at(root).read_only  # type: ignore[union-attr]
    WorktreeMount(root).make_read_only()
    assert mount_at(root).read_only  # type: ignore[union-attr]


def test_nothing_is_mounted_where_nothing_is(top: Path) -> None:
    assert mount_at(top) is None
    assert mount_at(top / "none") is None
    assert any(mount.mountpoint == "/" for mount in read_mounts())


@pytest.mark.parametrize("way", [way for way in WAYS if way != "shared mapping"])
def test_whoever_uses_a_mount_is_seen(root: Path, way: str) -> None:
    mount = mount_at(root)
    assert mount is not None
    assert list(users(mount, root.parent / "a-upper")) == []
    with using(root, way) as process:
        assert list(users(mount, root.parent / "a-upper")) == [process.pid]
    assert list(users(mount, root.parent / "a-upper")) == []


def test_a_look_at_the_write_layer_itself_is_seen(root: Path) -> None:
    mount = mount_at(root)
    assert mount is not None
    upper = root.parent / "a-upper"
    process = subprocess.Popen(["sleep", "1000"], cwd=upper)
    try:
        assert list(users(mount, upper)) == [process.pid]
    finally:
        process.kill()
        process.wait()


def test_users_of_other_mounts_are_left_out(root: Path, top: Path, spec: Callable[..., OverlaySpec]) -> None:
    WorktreeMount(top / "other").attach(spec("b"))
    (top / "other/held").write_text("x")
    mount = mount_at(root)
    assert mount is not None
    with using(top / "other", "reader"), using(top, "working directory"):
        assert list(users(mount, top / "a-upper")) == []


def test_what_is_left_of_a_process_that_ended_costs_one_look(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount = mount_at(root)
    assert mount is not None
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    asked: list[str] = []

    def noted(path: str) -> list[str]:
        asked.append(path)
        return _listdir(path)

    monkeypatch.setattr(os, "listdir", noted)
    try:
        assert list(users(mount, root.parent / "a-upper")) == []
    finally:
        process.wait()
    assert f"/proc/{os.getpid()}/fd" in asked
    assert f"/proc/{process.pid}/fd" not in asked
