"""What a status and a diff of the rootfs read: only what they cannot tell otherwise."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from layerctl import Repository
from layerctl.layer.content import digest_bytes
from layerctl.model.change import Aspect
from layerctl.model.results import Diff, Status
from layerctl.model.search import Query
from tests.support.mounts import unmount_below
from tests.unit.ops.conftest import Box


def _make(source: Path) -> None:
    (source / "d").mkdir()
    for name in ("same size", "other size", "touched", "d/mode", "linked", "a directory soon"):
        (source / name).write_text("1234")


@pytest.mark.parametrize("verb", ["status", "diff"])
def test_only_what_may_be_the_same_is_read(box: Box, reads: list[int], verb: str) -> None:
    box.base(_make)
    (box.root / "new").write_bytes(b"n" * (1 << 20))
    (box.root / "newdir").mkdir()
    (box.root / "newdir/f").write_text("12")
    (box.root / "same size").write_text("4321")
    (box.root / "other size").write_text("12345")
    (box.root / "a directory soon").unlink()
    (box.root / "a directory soon").mkdir()
    (box.root / "a directory soon/f").write_text("123")
    os.utime(box.root / "touched", ns=(1, 1))
    (box.root / "d/mode").chmod(0o600)
    reads.clear()
    found: Status | Diff = box.repo.status() if verb == "status" else box.repo.diff()
    assert sorted(reads) == [4, 4, 4]
    changes = {change.path: change for change in found.changes if not change.is_noise}
    digests = {path: change.new.digest for path, change in changes.items() if change.new and change.new.size}
    unread = {b"new", b"newdir/f", b"other size", b"a directory soon/f"}
    read = {b"same size": b"4321", b"d/mode": b"1234", b"touched": b"1234"}
    assert digests == dict.fromkeys(unread) | {path: digest_bytes(data) for path, data in read.items()}
    aspects = {path: change.what for path, change in changes.items()}
    assert Aspect.CONTENT in aspects[b"same size"]
    assert Aspect.CONTENT in aspects[b"other size"]
    assert aspects[b"d/mode"] == (Aspect.MODE,)


def test_a_file_that_got_another_name_is_not_another_file(box: Box) -> None:
    box.base(_make)
    for name in ("a new name", "z new name"):
        os.link(box.root / "linked", box.root / name)
    changes = {change.path: change for change in box.repo.status().changes}
    assert changes.keys() >= {b"a new name", b"z new name", b"linked"}
    assert changes[b"linked"].what == (Aspect.LINK,)


def test_what_was_not_read_for_a_status_is_read_for_a_commit(box: Box) -> None:
    box.base(_make)
    (box.root / "new").write_text("new")
    box.repo.status()
    box.repo.commit("new")
    [change] = [change for change in box.repo.show()[1].changes if change.path == b"new"]
    assert change.new is not None and change.new.digest == digest_bytes(b"new")


# what was read once


@pytest.fixture
def disk(loop_mount: Callable[..., Path]) -> Iterator[Box]:
    """A box on a filesystem whose times can be trusted; its base has two files."""

    def make(source: Path) -> None:
        for name in ("a", "b"):
            (source / name).write_bytes(name.encode() * 9000)

    box = Box(loop_mount("disk", megabytes=64))
    box.base(make)
    yield box
    unmount_below(box.top)


@pytest.mark.usefixtures("patient")
def test_a_status_after_a_status_and_a_commit_after_it_read_nothing_twice(disk: Box, reads: list[int]) -> None:
    (disk.root / "a").write_bytes(b"x" * 9000)
    (disk.root / "b").chmod(0o600)
    disk.repo.status()
    assert reads == [9000, 9000]
    disk.repo.status()
    disk.repo.diff()
    disk.repo.commit("after")
    assert reads == [9000, 9000]
    [_, shown] = disk.repo.show()
    digests = {change.path: change.new.digest for change in shown.changes if change.new and change.new.size}
    assert digests == {b"a": digest_bytes(b"x" * 9000), b"b": digest_bytes(b"b" * 9000)}
    assert Repository.fsck(disk.home).problems == ()


@pytest.mark.usefixtures("patient")
def test_a_look_that_reads_nothing_forgets_nothing(disk: Box, reads: list[int]) -> None:
    disk.repo.commit("empty", allow_empty=True)
    (disk.root / "a").write_bytes(b"x" * 9000)
    disk.repo.status()
    assert reads == [9000]
    list(disk.repo.grep(Query((b"nothing",)))[1])
    (disk.root / "new").write_bytes(b"n")
    disk.repo.status()
    assert reads == [9000]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("how", ["write", "mapping", "mapping from before"])
def test_what_is_written_through_the_mount_after_a_status_is_read_again(disk: Box, reads: list[int], how: str) -> None:
    path = disk.root / "a"
    path.write_bytes(b"x" * 9000)
    with ExitStack() as stack:
        mapped = _mapping(path, stack) if how == "mapping from before" else None
        disk.repo.status()
        mtime = path.stat().st_mtime_ns
        if how == "write":
            with path.open("r+b") as file:
                file.write(b"new")
        else:
            (mapped or _mapping(path, stack))[:3] = b"new"
        os.utime(path, ns=(mtime, mtime))
    disk.repo.commit("after")
    [_, shown] = disk.repo.show()
    [change] = [change for change in shown.changes if change.path == b"a"]
    assert change.new is not None and change.new.digest == digest_bytes(b"new" + b"x" * 8997)
    assert Repository.fsck(disk.home).problems == ()


def _mapping(path: Path, stack: ExitStack) -> mmap.mmap:
    with path.open("r+b") as file:
        return stack.enter_context(mmap.mmap(file.fileno(), 9000))


@pytest.mark.usefixtures("patient")
def test_what_is_remembered_is_nothing_strange_to_a_check(disk: Box) -> None:
    (disk.root / "a").write_bytes(b"x" * 9000)
    disk.repo.status()
    assert disk.upper.with_name("stat-cache").exists()
    assert Repository.fsck(disk.home).problems == ()
    assert os.listdir(disk.layout.tmp) == []
