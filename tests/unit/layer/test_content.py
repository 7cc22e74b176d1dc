"""Digests and copies of content."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest
from blake3 import blake3

from layerctl.layer import content as content_module
from layerctl.layer.content import EMPTY_DIGEST, copy_content, digest_bytes, digest_fd

_MIB = 1 << 20


@pytest.mark.parametrize("size", [0, 1, 4096, _MIB - 1, _MIB, _MIB + 1, (16 << 20) + 1])
@pytest.mark.parametrize("hint", ["right", "too small", "too big"])
def test_a_digest_is_blake3_of_the_whole_file_whatever_its_size_was_said_to_be(
    tmp_path: Path, size: int, hint: str
) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    (tmp_path / "f").write_bytes(data[:size])
    said = {"right": size, "too small": size // 2, "too big": size + 5}[hint]
    fd = os.open(tmp_path / "f", os.O_RDONLY)
    digest, count = digest_fd(fd, said)
    os.close(fd)
    assert (digest, count) == (blake3(data[:size]).digest(), size)


def test_the_digest_of_nothing() -> None:
    assert digest_bytes(b"") == EMPTY_DIGEST == blake3().digest()


def _copied(source: Path, target: Path) -> None:
    with open(source, "rb") as one, open(target, "w+b") as other:
        copy_content(one.fileno(), other.fileno())


def _patterns(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(9 << 20)
        for start in (0, 3 << 20, (8 << 20) + 4096):
            file.seek(start)
            file.write(b"island" * 1000)


@pytest.mark.parametrize("way", ["as it is", "no copy_file_range", "no clone"])
def test_a_copy_is_equal_and_has_the_same_holes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Trap 18."""

    def refuse(*args: object) -> int:
        raise OSError(errno.EXDEV, "no")

    if way == "no copy_file_range":
        monkeypatch.setattr(content_module.os, "copy_file_range", refuse)
    if way != "as it is":
        monkeypatch.setattr(content_module.fcntl, "ioctl", refuse)
    _patterns(tmp_path / "a")
    _copied(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "b").stat().st_blocks <= (tmp_path / "a").stat().st_blocks + 8


@pytest.mark.parametrize("size", [0, 1, 100 << 20])
def test_a_file_that_is_one_hole(tmp_path: Path, size: int) -> None:
    with open(tmp_path / "a", "wb") as file:
        file.truncate(size)
    _copied(tmp_path / "a", tmp_path / "b")
    status = (tmp_path / "b").stat()
    assert (status.st_size, status.st_blocks) == (size, 0)


def test_an_error_that_is_no_lack_of_a_feature_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(content_module.os, "copy_file_range", full)
    monkeypatch.setattr(content_module.fcntl, "ioctl", lambda *args: (_ for _ in ()).throw(OSError(errno.ENOTTY, "")))
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(OSError, match="full"):
        _copied(tmp_path / "a", tmp_path / "b")
    assert fcntl is content_module.fcntl


def test_a_file_cut_short_while_it_is_copied_does_not_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"x" * 4096)
    real = os.copy_file_range

    def cut(source: int, *args: int) -> int:
        os.truncate(tmp_path / "a", 0)
        return real(source, *args)

    monkeypatch.setattr(content_module.os, "copy_file_range", cut)
    _copied(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").stat().st_size == 4096


def test_a_file_that_is_cut_while_it_is_copied_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the question where data begins and the one where it ends there may be none any more."""
    (tmp_path / "a").write_bytes(b"x" * 10_000)
    real = os.lseek

    def cut(fd: int, position: int, whence: int) -> int:
        if whence == os.SEEK_HOLE:
            os.truncate(tmp_path / "a", 0)
        return real(fd, position, whence)

    monkeypatch.setattr(content_module, "_clone", lambda source, target: False)
    monkeypatch.setattr(os, "lseek", cut)
    with (tmp_path / "a").open("rb") as source, (tmp_path / "b").open("wb") as target:
        copy_content(source.fileno(), target.fileno())
    assert (tmp_path / "b").read_bytes().strip(b"\0") == b""
