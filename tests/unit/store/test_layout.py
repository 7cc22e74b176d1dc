"""Finding a repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from layerctl.errors import AlreadyExists, RepositoryNotFound, UnsupportedFormat
from layerctl.store.layout import Layout, check_format, find_repository
from layerctl.store.store import create_repository
from tests.support.mounts import unmount_below


def test_a_repository_is_found_upward(layout: Layout) -> None:
    below = layout.root.parent / "a/b"
    below.mkdir(parents=True)
    assert find_repository(below) == find_repository(layout.root.parent) == layout


def test_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RepositoryNotFound):
        find_repository(tmp_path)


def test_a_folder_without_its_format_is_none(tmp_path: Path) -> None:
    (tmp_path / ".layerctl").mkdir()
    with pytest.raises(RepositoryNotFound):
        find_repository(tmp_path)
    with pytest.raises(RepositoryNotFound):
        check_format(Layout(tmp_path / ".layerctl"))


def test_a_newer_format_is_refused(layout: Layout) -> None:
    layout.format_file.write_text("2\n")
    with pytest.raises(UnsupportedFormat, match="'2'"):
        find_repository(layout.root.parent)


def test_one_that_a_container_put_into_its_rootfs_is_passed_over(layout: Layout) -> None:
    top = layout.root.parent
    for name in ("lower", "upper", "work", "rootfs"):
        (top / name).mkdir()
    options = f"lowerdir={top / 'lower'},upperdir={top / 'upper'},workdir={top / 'work'}"
    subprocess.run(["mount", "-t", "overlay", "none", "-o", options, top / "rootfs"], check=True)
    try:
        inner = Layout(top / "rootfs/.layerctl")
        create_repository(inner, "main")
        assert find_repository(top / "rootfs") == layout
    finally:
        unmount_below(top)


def test_making_one_twice_changes_nothing(layout: Layout) -> None:
    before = layout.format_file.stat().st_ino
    assert create_repository(layout, "other") is False
    assert layout.format_file.stat().st_ino == before


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".layerctl").touch()
    with pytest.raises(AlreadyExists):
        create_repository(Layout(tmp_path / ".layerctl"), "main")


def test_nobody_else_may_look_inside(layout: Layout) -> None:
    assert layout.root.stat().st_mode & 0o777 == 0o700


def test_a_default_acl_around_it_does_not_leak_in(tmp_path: Path) -> None:
    """Trap 13."""
    subprocess.run(["setfacl", "-d", "-m", "u:1000:rwx", tmp_path], check=True)
    layout = Layout(tmp_path / ".layerctl")
    create_repository(layout, "main")
    listed = subprocess.run(["getfacl", "-Rcs", layout.root], capture_output=True, text=True, check=True)
    assert listed.stdout == ""
