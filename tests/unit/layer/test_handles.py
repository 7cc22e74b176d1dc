"""Directory descriptors found component by component."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from layerctl.layer.handles import DirHandles, split


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


@pytest.mark.parametrize(
    ("path", "parts"), [(b"a", (b"", b"a")), (b"a/b", (b"a", b"b")), (b"a/b/c", (b"a/b", b"c")), (b"", (b"", b""))]
)
def test_a_path_is_a_parent_and_a_name(path: bytes, parts: tuple[bytes, bytes]) -> None:
    assert split(path) == parts


def test_a_directory_is_found_whatever_was_asked_before(tmp_path: Path) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    root = _open(tmp_path)
    with DirHandles(root) as handles:
        for path in (b"a/b/c", b"", b"a", b"a/b", b"a/b/c"):
            assert os.path.samestat(os.fstat(handles.get(path)), (tmp_path / os.fsdecode(path)).stat())
    os.close(root)


@pytest.mark.parametrize("where", ["last", "middle"])
def test_a_symlink_is_never_followed(tmp_path: Path, where: str) -> None:
    """Trap 21."""
    (tmp_path / "outside/d").mkdir(parents=True)
    (tmp_path / "root/a").mkdir(parents=True)
    (tmp_path / "root/a/link").symlink_to(tmp_path / "outside")
    root = _open(tmp_path / "root")
    with DirHandles(root) as handles, pytest.raises(NotADirectoryError):
        handles.get(b"a/link" if where == "last" else b"a/link/d")
    os.close(root)


def test_no_more_than_so_many_stay_open_and_none_afterwards(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number}/x").mkdir(parents=True)
    before = len(os.listdir("/proc/self/fd"))
    root = _open(tmp_path)
    with DirHandles(root) as handles:
        for number in range(300):
            handles.get(b"%d/x" % number)
        assert len(os.listdir("/proc/self/fd")) - before <= 130
    os.close(root)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_forgotten_directory_can_be_made_anew(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    root = _open(tmp_path)
    with DirHandles(root) as handles:
        old = os.fstat(handles.get(b"a")).st_ino
        handles.forget(b"a")
        handles.forget(b"never seen")
        (tmp_path / "a").rename(tmp_path / "b")
        (tmp_path / "a").mkdir()
        assert os.fstat(handles.get(b"a")).st_ino != old
    os.close(root)
