"""Work that is shared with a forked process is done once, whatever becomes of that process."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from layerctl.layer import scan, sharing
from layerctl.layer.scan import LayerScanner
from layerctl.layer.sharing import share
from layerctl.layer.xattrs import XattrNamespace
from layerctl.model.scan import Scan, ScanDir


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
def _nothing_is_left() -> object:
    before, opened = children(), descriptors()
    yield
    assert (children(), descriptors()) == (before, opened)


def slowly(number: int) -> None:
    time.sleep(0.002)


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_each_piece_is_done_once(count: int) -> None:
    here: list[int] = []

    def work(number: int) -> None:
        slowly(number)
        here.append(number)

    there = share(count, work, lambda number: (slowly(number), [os.getpid(), b"%d" % number])[1])
    assert sorted([*here, *there]) == list(range(count))
    assert all(result[1] == b"%d" % number for number, result in there.items())
    assert os.getpid() not in {result[0] for result in there.values()}
    assert there or count < 300


def dies_of(what: Callable[[], object]) -> Callable[[int], int]:
    def there(number: int) -> int:
        if number > 5:
            what()
        return number

    return there


@pytest.mark.parametrize(
    "what",
    [
        lambda: os._exit(1),
        lambda: os.kill(os.getpid(), signal.SIGKILL),
        lambda: os.kill(os.getpid(), signal.SIGTERM),
        lambda: 1 / 0,
    ],
    ids=["exit", "kill", "terminate", "error"],
)
def test_what_the_helper_does_not_finish_is_done_here(what: Callable[[], object]) -> None:
    here: list[int] = []

    def work(number: int) -> None:
        slowly(number)
        here.append(number)

    there = share(100, work, dies_of(what))
    assert sorted([*here, *there]) == list(range(100))


def test_half_a_result_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    real = sharing.write_all

    def half(fd: int, data: memoryview) -> None:
        real(fd, data[: len(data) // 2])
        os._exit(0)

    monkeypatch.setattr(sharing, "write_all", half)
    here: list[int] = []
    assert share(50, lambda number: (slowly(number), here.append(number)), lambda number: "x" * 100) == {}
    assert sorted(here) == list(range(50))


def test_an_error_here_ends_the_helper() -> None:
    def fail(number: int) -> None:
        raise OSError(5, "no")

    with pytest.raises(OSError, match="no"):
        share(100, fail, lambda number: time.sleep(30))


def test_an_interrupt_ends_the_helper() -> None:
    def interrupted(number: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        share(100, interrupted, lambda number: time.sleep(30))


def test_the_helper_does_not_outlive_us() -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            share(10, lambda number: (time.sleep(0.2), os.kill(os.getpid(), signal.SIGKILL)), lambda _: time.sleep(60))
        finally:
            os._exit(1)
    os.close(writer)
    assert os.read(reader, 1) == b""  # once both have ended: each of them holds the other end
    os.close(reader)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_no_fork_beside_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("forked"))
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    here: list[int] = []
    try:
        assert share(5, here.append, lambda number: number) == {}
    finally:
        stop.set()
        thread.join()
    assert here == list(range(5))


def test_without_a_process_for_it_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "no more processes")

    monkeypatch.setattr(os, "fork", refuse)
    here: list[int] = []
    assert share(5, here.append, lambda number: number) == {}
    assert here == list(range(5))


# ------------------------------------------------------------------------------------------------------------- of scans


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """3,000 files, some of them large, with attributes, hard links across directories, whiteouts of both kinds."""
    top = tmp_path / "tree"
    for number in range(3000):
        folder = top / f"d{number % 7}/e{number % 11}" if number % 50 else top
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"f{number}"
        path.write_bytes(b"%d" % number * (number % 40))
        if number % 90 == 0:
            os.setxattr(path, "user.k", b"%d" % number)
        if number % 70 == 0:
            (top / f"d{number % 5}").mkdir(exist_ok=True)
            os.link(path, top / f"d{number % 5}" / f"link{number}")
        if number % 400 == 0:
            os.truncate(path, 17 << 20)
        if number % 500 == 1:
            os.truncate(path, 0)
            os.setxattr(path, "trusted.overlay.whiteout", b"y")
        if number % 600 == 2:
            os.mknod(folder / f"gone{number}", 0o600 | 0o020000, os.makedev(0, 0))
    return top


def scanned(top: Path) -> Scan:
    fd = os.open(top, os.O_RDONLY)
    try:
        return LayerScanner(XattrNamespace.TRUSTED).scan(fd)
    finally:
        os.close(fd)


def alone(count: int, here: Callable[[int], object], there: object) -> dict[int, object]:
    for number in range(count):
        here(number)
    return {}


def test_two_processes_read_what_one_reads(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[int] = []

    def watched(count: int, here: Callable[[int], object], there: Callable[[int], object]) -> dict[int, object]:
        found = share(count, lambda number: (time.sleep(0.001), here(number)), there)
        shares.append(len(found))
        return found

    monkeypatch.setattr(sharing, "share", watched)
    both = scanned(tree)
    assert shares and shares[0] > 1
    monkeypatch.setattr(sharing, "share", alone)
    one = scanned(tree)
    assert both == one
    assert len(one.links) > 20
    assert sum(len(below.whiteouts) for top in one.root.dirs.values() for below in top.dirs.values()) == 11


def test_a_helper_that_dies_changes_nothing(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = os.getpid()
    real = os.stat

    def fatal(path: object, *args: object, **kwargs: object) -> os.stat_result:
        if os.getpid() != parent and path == b"f2001":
            os.kill(os.getpid(), signal.SIGKILL)
        return real(path, *args, **kwargs)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(os, "stat", fatal)
    found = scanned(tree)
    monkeypatch.undo()
    monkeypatch.setattr(sharing, "share", alone)
    assert found == scanned(tree)


def test_a_few_files_are_read_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("forked"))
    for number in range(500):
        (tmp_path / f"f{number}").touch()
    assert len(scanned(tmp_path).root.files) == 500


def test_progress_is_told_while_files_are_read(tree: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    fd = os.open(tree, os.O_RDONLY)
    LayerScanner(XattrNamespace.TRUSTED, progress=lambda *report: told.append(report)).scan(fd)
    os.close(fd)
    reading = [(done, total) for stage, done, total in told if stage == "reading files"]
    assert reading and all(total is not None and 0 <= done < total for done, total in reading)


def test_the_numbers_fit_in_the_smallest_of_pipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose user has too many has a page or two; to fill it before anybody reads would take for ever."""
    real = os.pipe2

    def small(flags: int) -> tuple[int, int]:
        ends = real(flags)
        assert fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 4096) == 4096
        return ends

    monkeypatch.setattr(os, "pipe2", small)
    here: list[int] = []
    there = share(sharing.MOST, here.append, lambda number: number)
    assert sorted([*here, *there]) == list(range(sharing.MOST))


@pytest.mark.parametrize("count", [1, 99, 100, 2001, 100_999, 199_999, 1_234_567])
def test_files_make_no_more_pieces_than_fit(count: int) -> None:
    names = [b"%d" % number for number in range(count)]
    listed = [
        scan._Files(b"a", ScanDir(None), names[: count // 3]),
        scan._Files(b"b", ScanDir(None), names[count // 3 :]),
    ]
    pieces = list(scan._pieces(listed))
    assert len(pieces) <= sharing.MOST
    assert [name for piece in pieces for files in piece for name in files.names] == names
