"""Sealing an idle write layer and copying a busy one: a committed layer can never change again.

TRAPS 29 is the reason for this file: a write layer that somebody can still write to, renamed into the store, is a
committed layer that changes.
"""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.oracle import assert_same, listing
from tests.support import rootfs
from tests.support.cli import Repo
from tests.support.measure import Watcher, accounted
from tests.support.mounts import mount_at

BIG = "var/lib/big"
MIB = 1 << 20


def test_an_idle_commit_renames_the_files_into_the_store(repo: Repo) -> None:
    repo.write(BIG, os.urandom(MIB))
    repo.write("srv/a/b", "b")
    before = {path: (repo.upper / path).stat().st_ino for path in (BIG, "srv/a/b")}
    commit = repo.commit("sealed")
    assert commit["layer"]["quiescence"] == "sealed"
    assert {path: (repo.layer_fs(commit) / path).stat().st_ino for path in before} == before


@pytest.mark.serial
def test_an_idle_commit_copies_no_content(repo: Repo) -> None:
    """Reads the write layer once, writes metadata alone: of 256 MiB, and of thousands of files."""
    repo.write(BIG, b"\0" * MIB + os.urandom(255 * MIB))
    used = rootfs.allocated(repo.dot)
    usage = accounted(repo.cli, "commit", "-m", "big")
    assert usage.written < 16 * MIB
    assert usage.read < 320 * MIB
    assert rootfs.allocated(repo.dot) - used < 2 * MIB


@pytest.mark.serial
def test_an_idle_commit_takes_the_time_of_reading_it_once(repo: Repo) -> None:
    """Against the machine itself: SHA-256 of the same bytes in one thread is a slow way to read once."""
    target = repo.write(BIG, os.urandom(512 * MIB))
    os.sync()
    subprocess.run(["sha256sum", target], check=True, stdout=subprocess.DEVNULL)
    start = time.monotonic()
    subprocess.run(["sha256sum", target], check=True, stdout=subprocess.DEVNULL)
    once = time.monotonic() - start
    start = time.monotonic()
    repo.commit("big")
    assert time.monotonic() - start < once + 3


def test_after_an_idle_commit_the_worktree_is_usable_at_once(repo: Repo) -> None:
    repo.commit_file("srv/one", "1")
    assert mount_at(repo.rootfs) is not None
    repo.commit_file("srv/one", "2")
    assert repo.cli("show", "HEAD~1:srv/one").out == b"1"


def test_a_shell_sitting_in_the_rootfs_does_not_stop_a_commit(repo: Repo, spawn: Spawn) -> None:
    spawn(["sleep", "600"], cwd=repo.rootfs / "etc")
    repo.write("etc/new", "before")
    commit = repo.commit("busy")
    repo.write("etc/new", "after!")
    assert (repo.layer_fs(commit) / "etc/new").read_text() == "before"
    assert repo.cli("show", "HEAD:etc/new").out == b"before"


def test_a_busy_commit_shares_no_inode_with_the_write_layer(repo: Repo, spawn: Spawn) -> None:
    repo.write("srv/a/b", "b")
    repo.write(BIG, os.urandom(MIB))
    spawn(["sleep", "600"], cwd=repo.rootfs)
    upper = _inodes(repo.upper)
    commit = repo.commit("busy")
    assert commit["layer"]["quiescence"] == "live"
    assert _inodes(repo.layer_fs(commit)).isdisjoint(upper)


def test_a_busy_commit_is_as_faithful_as_a_sealed_one(repo: Repo, spawn: Spawn) -> None:
    (repo.rootfs / "srv").mkdir()
    subprocess.run(["cp", "-a", repo.rootfs / "usr", repo.rootfs / "srv"], check=True)
    subprocess.run(["cp", "-a", repo.rootfs / "odd", repo.rootfs / "dev", repo.rootfs / "srv"], check=True)
    subprocess.run(["rm", "-r", repo.rootfs / "home/shared", repo.rootfs / "odd"], check=True)
    (repo.rootfs / "home/shared").mkdir()
    before = repo.listing()
    spawn(["sleep", "600"], cwd=repo.rootfs)
    commit = repo.commit("busy")
    assert commit["layer"]["quiescence"] == "live"
    assert_same(before, repo.rootfs)
    assert_same(before, repo.checked_out("HEAD", "w"))
    assert (repo.top / "at-w/srv/usr/lib/sparse").stat().st_blocks * 512 < MIB


def test_a_busy_commit_keeps_the_mount_that_the_shell_sits_in(repo: Repo, spawn: Spawn) -> None:
    shell = spawn(["sh"], cwd=repo.rootfs / "etc", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    repo.write("etc/new", "x")
    repo.commit("busy")
    out, _ = shell.communicate(b"echo typed > typed; cat new\n")
    assert out == b"x"
    assert (repo.rootfs / "etc/typed").read_text() == "typed\n"
    assert repo.changes() == {"etc/typed": "A"}


def test_a_busy_commit_can_follow_a_busy_commit(repo: Repo, spawn: Spawn) -> None:
    """The mount stays on the old base while HEAD moves on: the diff is against HEAD's snapshot."""
    spawn(["sleep", "600"], cwd=repo.rootfs)
    repo.commit_file("srv/one", "1")
    repo.cli.fails(1, "commit", "-m", "nothing new")
    (repo.rootfs / "srv/one").unlink()
    repo.write("srv/two", "2")
    commit = repo.commit("second")
    assert (commit["layer"]["added"], commit["layer"]["deleted"]) == (1, 1)
    (repo.rootfs / "etc/motd").write_text("x")
    repo.commit("third")
    before = repo.listing()
    assert_same(before, repo.checked_out("HEAD", "w"))


# Each of these opens one file of the rootfs for writing and returns a function that writes into it later.


@contextmanager
def _open_file(path: Path) -> Iterator[Callable[[], None]]:
    with open(path, "r+b", buffering=0) as file:
        yield lambda: _write_through(file.fileno())


@contextmanager
def _mapped(path: Path) -> Iterator[Callable[[], None]]:
    with open(path, "r+b") as file:
        memory = mmap.mmap(file.fileno(), 0)
    with memory:

        def write() -> None:
            memory[:5] = b"AFTER"
            memory.flush()

        yield write


@contextmanager
def _directory(path: Path) -> Iterator[Callable[[], None]]:
    """No file is open, but the directory is: a file opened later through it is the old one."""
    directory = os.open(path.parent, os.O_PATH)
    try:
        yield lambda: _write_through(os.open(path.name, os.O_RDWR, dir_fd=directory), close=True)
    finally:
        os.close(directory)


def _write_through(fd: int, *, close: bool = False) -> None:
    os.pwrite(fd, b"AFTER", 0)
    os.fsync(fd)
    if close:
        os.close(fd)


HOLDS = {"open file": _open_file, "mapping": _mapped, "directory": _directory}


@pytest.mark.parametrize("hold", HOLDS)
def test_later_writes_never_reach_the_committed_layer(repo: Repo, hold: str) -> None:
    path = repo.write("srv/file", "before\n")
    with HOLDS[hold](path) as write:
        commit = repo.commit("held")
        frozen = listing(repo.layer_fs(commit))
        write()
        assert_same(frozen, repo.layer_fs(commit))
    assert repo.cli("show", "HEAD:srv/file").out == b"before\n"
    assert (repo.checked_out("HEAD", "w") / "srv/file").read_text() == "before\n"


@pytest.mark.parametrize("hold", HOLDS)
def test_later_writes_through_a_lazily_detached_mount_do_not_either(repo: Repo, hold: str) -> None:
    """No mount is left to be seen busy, and still somebody writes."""
    path = repo.write("srv/file", "before\n")
    with HOLDS[hold](path) as write:
        subprocess.run(["umount", "-l", repo.rootfs], check=True)
        commit = repo.commit("detached")
        frozen = listing(repo.layer_fs(commit))
        write()
        assert_same(frozen, repo.layer_fs(commit))
    assert repo.cli("show", "HEAD:srv/file").out == b"before\n"


def test_later_writes_from_another_mount_namespace_do_not_either(repo: Repo, spawn: Spawn) -> None:
    """Our own umount succeeds, but a copy of the mount lives on elsewhere."""
    path = repo.write("srv/file", "before\n")
    script = f"echo ready; read go; printf AFTER > '{path}'; sync; echo done; read end"
    command = ["unshare", "-m", "--propagation", "private", "sh", "-c", script]
    other = spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/")
    assert other.stdin is not None
    assert other.stdout is not None
    assert other.stdout.readline() == b"ready\n"
    commit = repo.commit("elsewhere")
    frozen = listing(repo.layer_fs(commit))
    other.stdin.write(b"go\n")
    other.stdin.flush()
    assert other.stdout.readline() == b"done\n"
    assert_same(frozen, repo.layer_fs(commit))
    assert repo.cli("show", "HEAD:srv/file").out == b"before\n"


def test_later_writes_through_a_bind_mount_do_not_either(repo: Repo, workdir: Path) -> None:
    """Nor do they fail: whoever works through the bind mount has done nothing wrong."""
    path = repo.write("srv/file", "before\n")
    bound = workdir / "bound"
    bound.mkdir()
    subprocess.run(["mount", "--bind", path.parent, bound], check=True)
    commit = repo.commit("bound")
    (bound / "file").write_text("AFTER\n")
    assert (repo.layer_fs(commit) / "srv/file").read_text() == "before\n"


def test_later_writes_through_the_write_layer_itself_do_not_either(repo: Repo) -> None:
    """Somebody has the upper file itself open, below the overlay."""
    repo.write("srv/file", "before\n")
    with open(repo.upper / "srv/file", "r+b", buffering=0) as file:
        commit = repo.commit("below")
        file.write(b"AFTER")
    assert (repo.layer_fs(commit) / "srv/file").read_text() == "before\n"


def test_a_reader_does_not_corrupt_anything(repo: Repo) -> None:
    path = repo.write("srv/file", "before\n")
    with open(path, "rb") as file:
        repo.commit("read")
        assert file.read() == b"before\n"
    repo.write("srv/file", "later\n")
    assert repo.cli("show", "HEAD:srv/file").out == b"before\n"


def test_a_file_that_grows_while_it_is_committed_is_recorded_consistently(repo: Repo) -> None:
    """What the snapshot states and what the layer holds are the same bytes, whatever was written meanwhile."""
    path = repo.write("srv/log", "0\n")
    stop = threading.Event()

    def append() -> None:
        with open(path, "a") as file:
            while not stop.is_set():
                file.write("line\n")
                file.flush()

    writer = threading.Thread(target=append)
    writer.start()
    try:
        commits = [repo.commit(f"growing {number}") for number in range(3)]
    finally:
        stop.set()
        writer.join()
    for number, commit in enumerate(reversed(commits)):
        shown = repo.cli("show", f"HEAD~{number}:srv/log").out
        assert shown == (repo.layer_fs(commit) / "srv/log").read_bytes()
        assert len(shown) == commit["layer"]["bytes"]


def test_a_commit_with_paths_never_shares_what_it_leaves_behind(repo: Repo) -> None:
    repo.write("srv/in", "before")
    repo.write("srv/out", "stays")
    commit = repo.commit("some", "srv/in")
    repo.write("srv/in", "after!")
    assert (repo.layer_fs(commit) / "srv/in").read_text() == "before"
    assert repo.changes() == {"srv/in": "M", "srv/out": "A"}


def test_the_mount_point_is_never_seen_empty_during_commits(repo: Repo) -> None:
    """Polls a path inside the rootfs from outside while the mount is taken away and made again."""
    with Watcher(repo.rootfs / "bin/busybox") as watcher:
        for number in range(5):
            repo.commit_file("srv/n", str(number))
    assert watcher.looks > 1000
    assert watcher.misses == []


def test_a_killed_holder_makes_the_worktree_idle_again(repo: Repo, spawn: Spawn) -> None:
    holder = spawn(["sleep", "600"], cwd=repo.rootfs)
    assert repo.commit_file("srv/a", "a")["layer"]["quiescence"] == "live"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert repo.commit_file("srv/b", "b")["layer"]["quiescence"] == "sealed"
    before = repo.listing()
    assert_same(before, repo.checked_out("HEAD", "w"))


def _inodes(root: Path) -> set[int]:
    return {Path(top, name).lstat().st_ino for top, dirs, files in os.walk(root) for name in [*dirs, *files, "."]}
