"""Digests remembered between commands: whatever somebody does to a file, what is remembered is never another's."""

from __future__ import annotations

import errno
import mmap
import os
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from layerctl.layer import scan as scan_module
from layerctl.layer import statcache
from layerctl.layer.content import digest_bytes
from layerctl.layer.scan import LayerScanner
from layerctl.layer.statcache import StatCache
from layerctl.layer.xattrs import XattrNamespace
from layerctl.model.ids import Digest
from layerctl.model.scan import ScanDir

_SIZE = 5000


@pytest.fixture(params=["ext4", "xfs", "btrfs"])
def top(request: pytest.FixtureRequest, loop_mount: Callable[..., Path]) -> Path:
    """A folder on a filesystem of its own, with a folder of files in it."""
    return _made(loop_mount, request.param)


@pytest.fixture
def disk(loop_mount: Callable[..., Path]) -> Path:
    """The same, where one filesystem is enough."""
    return _made(loop_mount, "ext4")


def _made(loop_mount: Callable[..., Path], fstype: str) -> Path:
    found = loop_mount(fstype, megabytes=400, fstype=fstype)
    (found / "files").mkdir()
    return found


def _scan(top: Path, *, adding: bool = True, cached: bool = True) -> dict[bytes, Digest | None]:
    """What a scan says is in the files."""
    cache = StatCache(top / "stat-cache", adding=adding, tmp=top) if cached else None
    fd = os.open(top / "files", os.O_RDONLY | os.O_DIRECTORY)
    try:
        found = LayerScanner(XattrNamespace.TRUSTED, cache=cache, tolerant=True).scan(fd).root
    finally:
        os.close(fd)
    if cache is not None:
        cache.save()
    return dict(_digests(found, b""))


def _digests(here: ScanDir, prefix: bytes) -> Iterator[tuple[bytes, Digest | None]]:
    for name, entry in here.files.items():
        yield prefix + name, entry.digest
    for name, child in here.dirs.items():
        yield from _digests(child, prefix + name + b"/")


def _fill(path: Path, byte: bytes) -> None:
    path.write_bytes(byte * _SIZE)


# what is remembered


@pytest.mark.usefixtures("patient")
def test_what_is_as_it_was_is_not_read_again(top: Path, reads: list[int]) -> None:
    for name in ("a", "b"):
        _fill(top / "files" / name, name.encode())
    first = _scan(top)
    assert len(reads) == 2
    _fill(top / "files/b", b"c")
    assert _scan(top) == {b"a": first[b"a"], b"b": digest_bytes(b"c" * _SIZE)}
    assert len(reads) == 3
    _scan(top, adding=False)
    assert len(reads) == 3


def test_a_file_that_may_change_in_the_same_tick_is_not_remembered(top: Path, reads: list[int]) -> None:
    _fill(top / "files/young", b"y")
    for count in (1, 2):
        _scan(top)
        assert len(reads) == count
    time.sleep(2.1)
    for _ in range(3):
        _scan(top)
        assert len(reads) == 3


def test_a_file_from_the_future_is_not_remembered(top: Path, reads: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock was set back: the next change can have any time, even the same."""
    _fill(top / "files/a", b"a")
    before = time.time_ns() - 3600 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: before)
    for _ in range(2):
        _scan(top)
    assert len(reads) == 2


@pytest.mark.usefixtures("patient")
def test_a_file_that_somebody_writes_to_is_not_remembered(top: Path, reads: list[int]) -> None:
    """A write that is under way set the time when it began, and goes on."""
    path = top / "files/a"
    _fill(path, b"a")
    with path.open("r+b"):
        for _ in range(2):
            _scan(top)
    assert len(reads) == 2
    for _ in range(2):
        _scan(top)
    assert len(reads) == 3


@pytest.mark.usefixtures("patient")
def test_a_file_that_is_mapped_writable_is_not_remembered(top: Path, reads: list[int]) -> None:
    """A page that was written to once takes the next write without anybody's knowing."""
    path = top / "files/a"
    _fill(path, b"a")
    with path.open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), _SIZE)
    with mapped:
        mapped[:4] = b"once"
        _scan(top)
        mapped[:4] = b"more"
        assert _scan(top) == {b"a": digest_bytes(b"more" + b"a" * (_SIZE - 4))}
    assert len(reads) == 2


@pytest.mark.usefixtures("patient")
def test_who_only_reads_a_file_is_no_hindrance(top: Path, reads: list[int]) -> None:
    path = top / "files/a"
    _fill(path, b"a")
    with path.open("rb") as file, mmap.mmap(file.fileno(), _SIZE, prot=mmap.PROT_READ):
        for _ in range(2):
            _scan(top)
    assert len(reads) == 1


@pytest.mark.usefixtures("patient")
def test_what_changes_while_it_is_read_is_not_remembered(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = top / "files/a"
    _fill(path, b"a")
    real = scan_module.digest_fd

    def disturbed(fd: int, size: int, **options: int | None) -> object:
        found = real(fd, size, **options)  # type: ignore[arg-type]
        _fill(path, b"b")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(scan_module, "digest_fd", disturbed)
        _scan(top)
    assert _scan(top) == {b"a": digest_bytes(b"b" * _SIZE)}


# where nothing is remembered


@pytest.mark.usefixtures("patient")
def test_where_a_mapping_leaves_no_trace_nothing_is_remembered(tmp_path: Path, reads: list[int]) -> None:
    top = tmp_path / "tmpfs"
    top.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", top], check=True)
    try:
        (top / "files").mkdir()
        _fill(top / "files/a", b"a")
        for _ in range(2):
            _scan(top)
    finally:
        subprocess.run(["umount", top], check=True)
    assert len(reads) == 2


@pytest.mark.usefixtures("patient")
def test_another_boot_knows_nothing(
    top: Path, reads: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies on the disk after a power cut can be newer than its time."""
    _fill(top / "files/a", b"a")
    _scan(top)
    boot = tmp_path / "boot"
    boot.write_text("11111111-2222-3333-4444-555555555555\n")
    monkeypatch.setattr(statcache, "_BOOT", boot)
    _scan(top)
    assert len(reads) == 2


@pytest.mark.usefixtures("patient")
def test_another_mount_knows_nothing(top: Path, reads: list[int]) -> None:
    """The filesystem may have crashed alone, and been mounted again."""
    _fill(top / "files/a", b"a")
    _scan(top)
    subprocess.run(["umount", top], check=True)
    subprocess.run(["mount", "-o", "loop", f"{top}.img", top], check=True)
    _scan(top)
    assert len(reads) == 2
    _scan(top)
    assert len(reads) == 2


@pytest.mark.usefixtures("patient")
def test_a_kernel_that_does_not_tell_mounts_apart_remembers_nothing(
    top: Path, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: object) -> int:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("layerctl.libc.unique_mount_id", refused)
    _fill(top / "files/a", b"a")
    for _ in range(2):
        _scan(top)
    assert len(reads) == 2


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("damage", ["cut", "altered", "empty", "folder", "garbage"])
def test_a_damaged_cache_is_none(disk: Path, reads: list[int], damage: str) -> None:
    for name in "abcdef":
        _fill(disk / "files" / name, name.encode())
    expected = _scan(disk)
    cache = disk / "stat-cache"
    data = cache.read_bytes()
    places = range(0, len(data), 13) if damage in ("cut", "altered") else [0]
    for place in places:
        if damage == "cut":
            cache.write_bytes(data[:place])
        elif damage == "altered":
            cache.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        elif damage == "folder":
            cache.unlink()
            cache.mkdir()
        else:
            cache.write_bytes(b"" if damage == "empty" else random.Random(1).randbytes(1000))
        reads.clear()
        assert _scan(disk) == expected
        assert len(reads) == 6
    assert sorted(set(os.listdir(disk)) - {"lost+found"}) == ["files", "stat-cache"]


@pytest.mark.usefixtures("patient")
def test_a_full_disk_is_no_error_and_nothing_is_left_of_it(
    disk: Path, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_short(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:50])
        raise OSError(errno.ENOSPC, "No space left on device")

    _fill(disk / "files/a", b"a")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", cut_short)
        assert _scan(disk) == {b"a": digest_bytes(b"a" * _SIZE)}
    assert sorted(set(os.listdir(disk)) - {"lost+found"}) == ["files"]
    _scan(disk)
    assert len(reads) == 2


@pytest.mark.usefixtures("patient")
def test_what_is_gone_is_forgotten(disk: Path) -> None:
    _fill(disk / "files/a", b"a")
    _scan(disk)
    assert (disk / "stat-cache").exists()
    (disk / "files/a").unlink()
    _scan(disk)
    assert not (disk / "stat-cache").exists()


# whoever opens what is looked at


@pytest.mark.usefixtures("patient")
def test_the_look_for_writers_disturbs_nobody(disk: Path) -> None:
    """A lease that somebody's open breaks sends a signal; that open waits for no more than an instant."""
    paths = [disk / "files" / str(number) for number in range(20)]
    for path in paths:
        _fill(path, b"a")
    stop = threading.Event()
    slowest = 0.0

    def opening() -> None:
        nonlocal slowest
        while not stop.is_set():
            for path in paths:
                start = time.perf_counter()
                path.open("r+b").close()
                slowest = max(slowest, time.perf_counter() - start)

    thread = threading.Thread(target=opening)
    thread.start()
    try:
        for _ in range(300):
            (disk / "stat-cache").unlink(missing_ok=True)
            _scan(disk)
    finally:
        stop.set()
        thread.join()
    assert slowest < 1


# everything that changes a file


def _times_restored(path: Path, change: Callable[[Path], object]) -> None:
    status = path.stat()
    change(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _written(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(os.urandom(8))


def _written_directly(path: Path) -> None:
    """Past the page cache."""
    fd = os.open(path, os.O_RDWR | os.O_DIRECT)
    try:
        with mmap.mmap(-1, 4096) as block:
            block.write(os.urandom(4096))
            os.pwrite(fd, block, 0)
    finally:
        os.close(fd)


def _mapped(path: Path) -> None:
    with path.open("r+b") as file, mmap.mmap(file.fileno(), path.stat().st_size) as mapped:
        mapped[:8] = os.urandom(8)


def _punched(path: Path) -> None:
    _written(path)
    subprocess.run(["fallocate", "--punch-hole", "--offset", "0", "--length", "4096", path], check=True)


def _replaced(path: Path) -> None:
    other = path.with_name(".other")
    other.write_bytes(os.urandom(path.stat().st_size))
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.rename(path)


def _made_anew(path: Path) -> None:
    """Mostly with the same inode number."""
    size = path.stat().st_size
    path.unlink()
    path.write_bytes(os.urandom(size))


def _cut_and_grown(path: Path) -> None:
    size = path.stat().st_size
    os.truncate(path, 1)
    os.truncate(path, size)


def _copied_over(path: Path) -> None:
    """By reflink, where there is such a thing."""
    other = path.with_name(".other")
    other.write_bytes(os.urandom(path.stat().st_size))
    subprocess.run(["cp", "--reflink=auto", other, path], check=True)
    other.unlink()


def _exchanged(path: Path) -> None:
    other = path.with_name(".other")
    other.write_bytes(os.urandom(path.stat().st_size))
    path.rename(path.with_name(".third"))
    other.rename(path)
    path.with_name(".third").unlink()


_CHANGES: list[Callable[[Path], object]] = [
    _written,
    _written_directly,
    _mapped,
    _punched,
    _replaced,
    _made_anew,
    _cut_and_grown,
    _copied_over,
    _exchanged,
]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("restored", [False, True], ids=["", "times restored"])
@pytest.mark.parametrize("change", _CHANGES)
def test_every_change_is_seen(top: Path, reads: list[int], change: Callable[[Path], object], restored: bool) -> None:
    path = top / "files/a"
    _fill(path, b"a")
    with suppress(OSError):  # a page that is dirty already is no excuse, and neither is a clean one
        os.sync()
    _scan(top)
    _scan(top)
    assert len(reads) == 1
    for number in range(3):
        if restored:
            _times_restored(path, change)
        else:
            change(path)
        assert _scan(top) == {b"a": digest_bytes(path.read_bytes())}, number


@contextmanager
def _held_open(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDWR)
    try:
        yield fd
    finally:
        os.close(fd)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_done_a_scan_says_what_is_there(top: Path, seed: int) -> None:
    """Changes of all kinds, some through descriptors and mappings that stay, between scans that remember."""
    draw = random.Random(seed)
    paths = [top / "files" / name for name in "abcd"]
    for path in paths:
        _fill(path, b"a")
    with ExitStack() as stack:
        fds: list[int] = []
        maps: list[mmap.mmap] = []
        for _ in range(120):
            path, action = draw.choice(paths), draw.randrange(8)
            if action == 0 and len(fds) < 3:
                fds.append(stack.enter_context(_held_open(path)))
            elif action == 1 and fds:
                os.pwrite(draw.choice(fds), draw.randbytes(3), draw.randrange(_SIZE - 3))
            elif action == 2 and fds and len(maps) < 3:
                maps.append(stack.enter_context(mmap.mmap(draw.choice(fds), _SIZE)))
            elif action == 3 and maps:
                draw.choice(maps)[:3] = draw.randbytes(3)
            elif action == 4:
                stack.pop_all().close()
                fds.clear()
                maps.clear()
            elif action == 5:
                _times_restored(path, draw.choice(_CHANGES))
            elif action == 6:
                os.sync()
            assert _scan(top) == _scan(top, cached=False)
