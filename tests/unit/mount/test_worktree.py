"""One worktree's mount: the proof of quiescence, and swapping without a gap."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from layerctl.errors import MountpointInUse
from layerctl.mount import worktree as worktree_module
from layerctl.mount.background import held
from layerctl.mount.overlay import OverlaySpec, is_upper_in_use
from layerctl.mount.table import mount_at, read_mounts
from layerctl.mount.worktree import WorktreeMount, release_all_aside
from tests.support.measure import Watcher
from tests.unit.mount.people import WAYS, WRITERS, tell, using

_Make = Callable[..., OverlaySpec]
_WRITE = {
    "writer": "held.write('late'); held.flush()",
    "writer of an unlinked file": "held.write('late'); held.flush()",
    "shared mapping": "held[:4] = b'late'",
    "nameless file": "os.write(held, b'late')",
}


@pytest.fixture
def mount(top: Path, spec: _Make) -> WorktreeMount:
    found = WorktreeMount(top / "root")
    found.attach(spec("a"))
    (top / "root/held").write_text("content")
    return found


def _names(mount: WorktreeMount) -> list[str]:
    return sorted(os.listdir(mount.path))


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# the mount point


@pytest.mark.parametrize("what", ["file", "full folder", "mount", "file above"])
def test_a_mount_point_that_is_taken_is_refused(top: Path, spec: _Make, what: str) -> None:
    place = top / "place"
    if what == "file":
        place.write_text("x")
    elif what == "full folder":
        place.mkdir()
        (place / "x").touch()
    elif what == "file above":
        place.write_text("x")
        place = place / "below"
    else:
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    with pytest.raises(MountpointInUse):
        WorktreeMount(place).attach(spec("a"))


def test_a_mount_point_is_made_with_its_parents(top: Path, spec: _Make) -> None:
    mount = WorktreeMount(top / "deep/er/place")
    mount.attach(spec("a"))
    assert _names(mount) == ["a"]


def test_detaching_twice_is_harmless(mount: WorktreeMount) -> None:
    mount.detach()
    mount.detach()
    mount.detach_now()
    assert mount.current is None


# quiescence


@pytest.mark.parametrize("way", WRITERS)
def test_a_rootfs_that_somebody_can_write_to_cannot_be_made_read_only(mount: WorktreeMount, way: str) -> None:
    with using(mount.path, way) as process:
        assert mount.make_read_only() is False
        assert mount.current is not None and not mount.current.read_only
        tell(process, _WRITE[way])
    assert mount.make_read_only() is True


@pytest.mark.parametrize("way", [way for way in WAYS if way not in WRITERS])
def test_afterwards_nobody_can_write_whoever_is_there(mount: WorktreeMount, way: str) -> None:
    with using(mount.path, way):
        assert mount.make_read_only() is True
        for attempt in (lambda: (mount.path / "new").touch(), lambda: (mount.path / "held").write_text("late")):
            with pytest.raises(OSError) as caught:
                attempt()
            assert caught.value.errno == errno.EROFS


def test_other_namespaces_cannot_write_either(mount: WorktreeMount) -> None:
    with using(mount.path, "other namespace") as process:
        assert mount.make_read_only()
        inside = f"echo late > {mount.path}/held"
        done = subprocess.run(["nsenter", "-m", "-t", str(process.pid), "sh", "-c", inside], capture_output=True)
        assert done.returncode != 0
    assert (mount.path / "held").read_text() == "content"


def test_a_copy_of_the_mount_at_another_place_cannot_be_written_either(mount: WorktreeMount, top: Path) -> None:
    (top / "copy").mkdir()
    subprocess.run(["mount", "--bind", mount.path, top / "copy"], check=True)
    assert mount.make_read_only()
    with pytest.raises(OSError):
        (top / "copy/held").write_text("late")


def test_writing_goes_on_after_read_only_was_taken_back(mount: WorktreeMount) -> None:
    assert mount.make_read_only()
    mount.make_writable()
    (mount.path / "held").write_text("again")
    assert (mount.path / "held").read_text() == "again"


def test_what_was_written_just_before_is_in_the_write_layer(mount: WorktreeMount, top: Path) -> None:
    (mount.path / "held").write_bytes(b"x" * 100_000)
    assert mount.make_read_only()
    assert (top / "a-upper/held").read_bytes() == b"x" * 100_000


@pytest.mark.parametrize("way", [way for way in WAYS if way != "shared mapping"])
def test_use_is_seen(mount: WorktreeMount, top: Path, way: str) -> None:
    assert not mount.is_used(top / "a-upper")
    with using(mount.path, way):
        assert mount.is_used(top / "a-upper")


# swapping


def test_a_swap_shows_the_new_rootfs_and_keeps_the_old_for_who_is_in_it(mount: WorktreeMount, spec: _Make) -> None:
    with using(mount.path, "working directory") as process:
        mount.swap(spec("b"))
        assert _names(mount) == ["b"]
        tell(process, "assert sorted(os.listdir('.')) == ['a', 'held'], os.listdir('.')")
        tell(process, "open('late', 'w').close()")
    assert _names(mount) == ["b"]
    assert mount.current is not None and not mount.has_leftover


def test_the_mount_point_is_never_empty(mount: WorktreeMount, spec: _Make, top: Path) -> None:
    specs = [spec(f"s{number}") for number in range(20)]
    with Watcher(mount.path / "common") as outside, _poll(mount.path) as seen:
        for one in specs:
            mount.swap(one)
    assert outside.looks > 0
    assert seen and all(found for found in seen), "the empty folder below was seen"


@contextmanager
def _poll(path: Path) -> Iterator[list[bool]]:
    """Lists a directory again and again, and notes whether anything was there."""
    seen: list[bool] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.append(bool(os.listdir(path)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_kernel_that_cannot_mount_beneath_swaps_all_the_same(
    mount: WorktreeMount, spec: _Make, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    real = worktree_module.syscalls.move_mount

    def refuse(source: object, target: str, flags: int = 0) -> None:
        if flags & worktree_module.MoveFlag.BENEATH:
            raise OSError(code, os.strerror(code))
        real(source, target, flags)  # type: ignore[arg-type]

    monkeypatch.setattr(worktree_module.syscalls, "move_mount", refuse)
    mount.swap(spec("b"))
    assert _names(mount) == ["b"]
    assert not mount.has_leftover


def test_a_swap_that_cannot_mount_leaves_what_is_there(mount: WorktreeMount, spec: _Make, top: Path) -> None:
    broken = OverlaySpec((top / "none",), *(spec("b").upper, top / "b-work"))
    with pytest.raises(Exception, match="No such file"):
        mount.swap(broken)
    assert _names(mount) == ["a", "held"]


def test_a_mount_moved_aside_stays_while_it_is_used_and_comes_back(
    mount: WorktreeMount, spec: _Make, top: Path
) -> None:
    aside = top / "aside"
    aside.mkdir()
    with using(mount.path, "working directory") as process:
        mount.swap(spec("b"), aside)
        time.sleep(0.2)
        assert mount_at(aside) is not None
        assert mount.bring_back(aside)
        assert _names(mount) == ["a", "held"]
        tell(process, "open('both', 'w').close()")
    assert (mount.path / "both").exists()
    assert mount_at(aside) is None
    _wait_until(lambda: not is_upper_in_use(top / "b-upper", top))


def test_a_mount_moved_aside_that_nobody_uses_goes_away(mount: WorktreeMount, spec: _Make, top: Path) -> None:
    aside = top / "aside"
    aside.mkdir()
    mount.swap(spec("b"), aside)
    _wait_until(lambda: mount_at(aside) is None)
    _wait_until(lambda: not is_upper_in_use(top / "a-upper", top))
    assert mount.bring_back(aside) is False
    assert _names(mount) == ["b"]


def test_letting_mounts_go_leaves_no_dead_children(mount: WorktreeMount, spec: _Make, top: Path) -> None:
    """A process that makes thousands of commits would fill the table of processes with them."""
    aside = top / "aside"
    aside.mkdir()
    for name in ("b", "c", "d", "e"):
        with held(mount.path):
            pass
        mount.swap(spec(name), aside)
        _wait_until(lambda: mount_at(aside) is None)
        time.sleep(0.05)
    assert len(_dead_children()) <= 2


@pytest.mark.parametrize("is_kept", [False, True], ids=["detached", "moved aside"])
def test_where_no_process_can_be_had_mounts_are_swapped_all_the_same(
    mount: WorktreeMount, spec: _Make, top: Path, monkeypatch: pytest.MonkeyPatch, is_kept: bool
) -> None:
    def refused(*args: object, **options: object) -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    aside = top / "aside"
    aside.mkdir()
    monkeypatch.setattr(os, "posix_spawn", refused)
    mount.swap(spec("b"), aside if is_kept else None)
    assert _names(mount) == ["b"]
    assert (mount_at(aside) is not None) == is_kept
    monkeypatch.undo()
    release_all_aside(aside)
    _wait_until(lambda: mount_at(aside) is None)


def _dead_children() -> list[int]:
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        with suppress(OSError):
            state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
            if state == "Z" and int(parent) == os.getpid():
                found.append(pid)
    return found


def test_what_was_kept_aside_goes_once_its_user_has_gone(mount: WorktreeMount, spec: _Make, top: Path) -> None:
    aside = top / "aside"
    aside.mkdir()
    with using(mount.path, "working directory"):
        mount.swap(spec("b"), aside)
        time.sleep(0.2)
    assert mount_at(aside) is not None
    release_all_aside(aside)
    _wait_until(lambda: mount_at(aside) is None)


def test_bringing_back_never_shows_an_empty_mount_point(mount: WorktreeMount, spec: _Make, top: Path) -> None:
    aside = top / "aside"
    aside.mkdir()
    with using(mount.path, "working directory"):
        mount.swap(spec("b"), aside)
        with _poll(mount.path) as seen:
            time.sleep(0.02)
            assert mount.bring_back(aside)
            time.sleep(0.02)
    assert seen and all(seen)


def test_a_swap_that_was_interrupted_is_finished(mount: WorktreeMount, spec: _Make) -> None:
    """Killed between putting the new mount beneath the old one and taking that away."""
    fd = worktree_module.mount_detached(spec("b"))
    worktree_module.syscalls.move_mount(fd, str(mount.path), worktree_module.MoveFlag.BENEATH)
    os.close(fd)
    assert _names(mount) == ["a", "held"]
    assert mount.has_leftover
    mount.finish_swap()
    assert _names(mount) == ["b"]
    assert not mount.has_leftover


def test_no_mount_and_no_process_is_left_behind(mount: WorktreeMount, spec: _Make, top: Path) -> None:
    before = len(read_mounts())
    for number in range(10):
        mount.swap(spec(f"s{number}"))
    assert len(read_mounts()) == before
    mount.detach()
    uppers = [path for path in top.iterdir() if path.name.endswith("-upper")]
    _wait_until(lambda: not any(is_upper_in_use(path, top) for path in uppers))
