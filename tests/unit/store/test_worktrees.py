"""Worktrees on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerctl.errors import Damaged, UsageError, WorktreeNotFound
from layerctl.model.worktree import WorktreeRecord
from layerctl.store.layout import Layout
from layerctl.store.worktrees import Worktree, check_name, find_worktree, list_worktrees, record_text


def _add(layout: Layout, name: str, mountpoint: Path) -> Worktree:
    worktree = Worktree(name, layout)
    worktree.folder.mkdir()
    (worktree.folder / "worktree.json").write_text(record_text(WorktreeRecord(None, str(mountpoint)), layout))
    (worktree.folder / "HEAD").write_text("ref: refs/heads/x\n")
    return worktree


@pytest.mark.parametrize("name", ["a", "A-1_b.c", "x" * 100, "_"])
def test_a_name_for_a_worktree(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "-a", ".a", "a..b", "a.lock", "a.", "x" * 101, "a b", "ü", "a\n", "../../etc"]
)
def test_no_name_for_a_worktree(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name)


def test_the_worktree_of_a_directory_is_the_one_mounted_around_it(layout: Layout, tmp_path: Path) -> None:
    _add(layout, "other", tmp_path / "other")
    assert find_worktree(layout, tmp_path / "other/usr/bin").name == "other"
    assert find_worktree(layout, tmp_path / "other").name == "other"
    assert find_worktree(layout, tmp_path / "otherwise").name == "default"
    assert find_worktree(layout, tmp_path / "rootfs/etc").name == "default"


@pytest.mark.parametrize("place", ["rootfs", "deep/er", "/mnt/elsewhere"])
def test_a_mount_point_beside_the_repository_moves_with_it(layout: Layout, tmp_path: Path, place: str) -> None:
    _add(layout, "w", tmp_path / place)
    moved = tmp_path.with_name(tmp_path.name + "-moved")
    tmp_path.rename(moved)
    try:
        assert Worktree("w", Layout(moved / ".layerctl")).mountpoint == moved / place
    finally:
        moved.rename(tmp_path)


def test_worktrees_are_listed_by_name_and_half_made_ones_are_not(layout: Layout, tmp_path: Path) -> None:
    _add(layout, "b", tmp_path / "b")
    _add(layout, "a", tmp_path / "a")
    (layout.worktrees / "half").mkdir()
    assert [worktree.name for worktree in list_worktrees(layout)] == ["a", "b", "default"]


def test_one_that_does_not_exist_is_not_found(layout: Layout) -> None:
    for what in ("head", "record", "head_text"):
        with pytest.raises(WorktreeNotFound):
            getattr(Worktree("none", layout), what)


def test_a_damaged_record_or_head_is_reported(layout: Layout) -> None:
    worktree = Worktree("default", layout)
    record = worktree.folder / "worktree.json"
    record.write_bytes(record.read_bytes()[:-30])
    with pytest.raises(Damaged):
        _ = worktree.record
    record.unlink()
    with pytest.raises(Damaged):
        _ = worktree.record
    (worktree.folder / "HEAD").write_text("garbage")
    with pytest.raises(Damaged):
        _ = worktree.head
