"""Digests and copies of content."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from layerctl.layer import content as content_module
from layerctl.layer.content import EMPTY_DIGEST, copy_content, digest_bytes, digest_fd
from layerctl.layer.readahead import pieces

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


_BIG = 20 << 20


@pytest.fixture
def big(tmp_path: Path) -> Iterator[tuple[int, bytes]]:
    """An open file that is read by a thread, and what is in it."""
    data = random.Random(1).randbytes(_BIG)
    (tmp_path / "big").write_bytes(data)
    fd = os.open(tmp_path / "big", os.O_RDONLY)
    yield fd, data
    os.close(fd)
    assert threading.active_count() == 1


@pytest.mark.parametrize("at_most", [_BIG + 5, _BIG, _BIG - 1, 4 << 20, (4 << 20) + 1, 1, 0])
def test_no_more_is_read_of_a_big_file_than_it_had(big: tuple[int, bytes], at_most: int) -> None:
    fd, data = big
    expected = data[:at_most]
    assert digest_fd(fd, _BIG, at_most=at_most) == (blake3(expected).digest(), len(expected))


def test_a_big_file_is_hashed_where_no_thread_can_be_had(
    big: tuple[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    fd, data = big
    assert digest_fd(fd, _BIG) == (blake3(data).digest(), _BIG)


@pytest.mark.parametrize("number", [1, 2, 4])
def test_an_error_in_the_middle_of_a_big_file_is_that_error(
    big: tuple[int, bytes], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fd, _ = big
    real, count = os.readv, 0

    def failing(descriptor: int, buffers: list[memoryview]) -> int:
        nonlocal count
        count += 1
        if count == number:
            raise OSError(errno.EIO, "Input/output error")
        return real(descriptor, buffers)

    monkeypatch.setattr(os, "readv", failing)
    with pytest.raises(OSError, match="Input/output error"):
        digest_fd(fd, _BIG)


def test_an_interrupt_leaves_no_thread_behind(big: tuple[int, bytes]) -> None:
    with pytest.raises(KeyboardInterrupt), pieces(big[0], 1 << 20, None) as found:
        next(found)
        raise KeyboardInterrupt


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
