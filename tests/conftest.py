"""Fixtures that every test can use. Whatever a test mounts or starts is gone when it ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import Listing, listing
from tests.support import rootfs
from tests.support.cli import Layerctl, Repo
from tests.support.mounts import enter_mount_namespace, kill_containers, unmount_below

_CACHE = Path(__file__).resolve().parents[1] / "build"
_OF_THE_DEMO = _CACHE / "demo/debian-minbase.tar"

Spawn = Callable[..., subprocess.Popen[bytes]]


def pytest_configure() -> None:
    """What a test meets must not depend on who started the tests, nor on what other workers do."""
    _listen_to_signals()
    enter_mount_namespace()


def _listen_to_signals() -> None:
    """A shell starts background jobs with Ctrl-C ignored, and what is ignored stays so in every child."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture
def workdir(tmp_path: Path) -> Iterator[Path]:
    """A directory below which the test may mount anything."""
    yield tmp_path
    _clear(tmp_path)


@pytest.fixture
def public_dir() -> Iterator[Path]:
    """Like ``workdir``, but other users can enter it."""
    with tempfile.TemporaryDirectory(prefix="layerctl-public-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path
        _clear(path)


@pytest.fixture
def spawn(workdir: Path) -> Iterator[Spawn]:
    """Starts background processes (``spawn(argv, **popen_options)``, or ``spawn(popen)``) and kills them at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start(command: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(command if isinstance(command, subprocess.Popen) else subprocess.Popen(command, **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def layerctl(workdir: Path) -> Layerctl:
    """Runs the command in an empty directory, with a HOME of its own."""
    return _command_in(workdir)


@pytest.fixture(scope="session")
def busybox_rootfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small rootfs with one of everything. Shared by all tests of a worker: only to be read."""
    return rootfs.make_busybox(tmp_path_factory.mktemp("busybox") / "rootfs")


@pytest.fixture(scope="session")
def busybox_tar(busybox_rootfs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as an uncompressed archive."""
    return rootfs.tar(busybox_rootfs, tmp_path_factory.mktemp("tar") / "busybox.tar")


@pytest.fixture(scope="session")
def busybox_tar_tree(busybox_tar: Path, tmp_path_factory: pytest.TempPathFactory) -> Listing:
    """What GNU tar makes of that archive (which cannot say that two device nodes are one)."""
    return listing(rootfs.untar(busybox_tar, tmp_path_factory.mktemp("untar")))


@pytest.fixture
def empty_repo(layerctl: Layerctl, spawn: Spawn) -> Iterator[Repo]:
    """A repository straight after ``init``."""
    layerctl("init")
    with _running_nothing_at_the_end(Repo(layerctl.cwd, layerctl)) as repo:
        yield repo


@pytest.fixture
def imported(empty_repo: Repo, busybox_rootfs: Path) -> Repo:
    """A repository with the busybox rootfs as its base image, nothing checked out."""
    empty_repo.cli("import", busybox_rootfs, "-m", "base")
    return empty_repo


@pytest.fixture(scope="session")
def imported_once(busybox_rootfs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``.layerctl`` of such a repository, to be copied: half of all tests begin there."""
    cli = _command_in(tmp_path_factory.mktemp("imported"))
    cli("init")
    cli("import", busybox_rootfs, "-m", "base")
    return cli.cwd / ".layerctl"


@pytest.fixture
def repo(imported_once: Path, layerctl: Layerctl, spawn: Spawn) -> Iterator[Repo]:
    """A repository with the busybox rootfs as its base image, checked out at ``rootfs/``."""
    with _running_nothing_at_the_end(_checked_out_copy(imported_once, layerctl)) as repo:
        yield repo


@pytest.fixture(scope="module")
def module_workdir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A ``workdir`` for all tests of a module."""
    path = tmp_path_factory.mktemp("module")
    yield path
    _clear(path)


@pytest.fixture(scope="module")
def shared_repo(imported_once: Path, module_workdir: Path) -> Iterator[Repo]:
    """The same for all tests of a module, which only look at it."""
    with _running_nothing_at_the_end(_checked_out_copy(imported_once, _command_in(module_workdir))) as repo:
        yield repo


@pytest.fixture(scope="module")
def _repo_for_hooks(imported_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Repo, bytes]]:
    top = tmp_path_factory.mktemp("hooked")
    cli = _command_in(top)
    cli.on_path()
    with _running_nothing_at_the_end(_checked_out_copy(imported_once, cli)) as repo:
        yield repo, (repo.dot / "git/config").read_bytes()
    _clear(top)


@pytest.fixture
def hooked(_repo_for_hooks: tuple[Repo, bytes]) -> Iterator[Repo]:
    """Like ``repo``, with ``layerctl`` on PATH for hooks, and no samples. The tests of a module have it in turns.

    After each one it is back at the base image, without hooks, tags and options: that is faster than making one anew.
    """
    repo, config = _repo_for_hooks
    base = repo.git("rev-list", "--max-parents=0", "main").strip()
    yield repo
    shutil.rmtree(repo.dot / "hooks")
    (repo.dot / "hooks").mkdir()
    (repo.dot / "git/config").write_bytes(config)
    if any(repo.upper.iterdir()) or repo.head("main") != base:
        repo.cli("rollback", base, "--discard")
    for tag in repo.git("tag").split():
        repo.git("tag", "-d", tag)
    for path in repo.top.iterdir():
        if path.name not in (".layerctl", "rootfs"):
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _command_in(directory: Path) -> Layerctl:
    for name in ("home", "top"):
        (directory / name).mkdir()
    return Layerctl(directory / "top", directory / "home")


def _checked_out_copy(dot: Path, cli: Layerctl) -> Repo:
    subprocess.run(["cp", "-a", dot, cli.cwd], check=True)
    cli("checkout", "--at", cli.cwd / "rootfs")
    return Repo(cli.cwd, cli)


@contextmanager
def _running_nothing_at_the_end(repo: Repo) -> Iterator[Repo]:
    state = repo.runtime_state
    yield repo
    kill_containers(repo.top)
    shutil.rmtree(state, ignore_errors=True)


@pytest.fixture
def loop_mount(workdir: Path) -> Callable[..., Path]:
    """Makes ``workdir/NAME`` a file system of its own: ``loop_mount("small", megabytes=64, fstype="ext4")``."""

    def mount(name: str, *, megabytes: int, fstype: str = "ext4") -> Path:
        image, point = workdir / f"{name}.img", workdir / name
        with open(image, "wb") as file:
            file.truncate(megabytes << 20)
        quiet = [] if fstype == "btrfs" else ["-q"]
        subprocess.run([f"mkfs.{fstype}", *quiet, image], check=True, capture_output=True)
        point.mkdir()
        subprocess.run(["mount", "-o", "loop", image, point], check=True)
        return point

    return mount


@pytest.fixture(scope="session")
def minbase_tar() -> Path:
    """A real Debian rootfs made by mmdebstrap, kept in ``build/``; without a mirror, a synthetic one of that size."""
    if _OF_THE_DEMO.exists():
        return _OF_THE_DEMO
    _CACHE.mkdir(exist_ok=True)
    target = _CACHE / "test-minbase.tar"
    with open(_CACHE / "test-minbase.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _make_minbase(target)
    return target


def _make_minbase(target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=_CACHE) as name:
        partial = Path(name, "rootfs.tar")
        command = ["mmdebstrap", "--variant=minbase", "bookworm", partial]
        if subprocess.run(command, capture_output=True).returncode != 0:
            tree = rootfs.make_tree(rootfs.make_busybox(Path(name, "tree")), directories=400, files=20, size=16_384)
            rootfs.tar(tree, partial)
        os.rename(partial, target)


def _clear(top: Path) -> None:
    """Ends containers and mounts below ``top``, then frees the space."""
    kill_containers(top)
    unmount_below(top)
    for child in top.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child, ignore_errors=True)
        elif child.stat(follow_symlinks=False).st_size > 1 << 20:
            child.unlink()
