"""Where the benchmark works: a folder on a real disk, gone at the end with all that is mounted or runs in it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.mounts import enter_mount_namespace, kill_containers, unmount_below

_ROOT = Path(__file__).resolve().parents[1]
#: Filesystems that live in memory, or that cannot hold a write layer.
_UNFIT = {"tmpfs", "ramfs", "overlayfs"}


class NoPlace(Exception):
    """No folder of this machine will do; the message says what is needed."""


@contextmanager
def workplace(wanted: Path | None, space: int) -> Iterator[Path]:
    """A temporary folder in a mount namespace of its own, cleaned up whatever happens.

    Args:
        wanted: where to make it; the first usual place that will do, if None.
        space: bytes that must be free.
    """
    parent = wanted or _first_fit(space)
    enter_mount_namespace()
    # Short: sockets live in it.
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=parent)).resolve()
    try:
        yield folder
    finally:
        ignore_signals()
        kill_containers(folder)
        unmount_below(folder)
        subprocess.run(["rm", "-rf", folder], check=False)


def ignore_signals() -> None:
    """From now on a second Ctrl-C does nothing: what is being taken down shall be taken down."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def filesystem_of(place: Path) -> str:
    """The name of the filesystem type, as stat(1) gives it."""
    command = ["stat", "--file-system", "--format=%T", str(place)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _first_fit(space: int) -> Path:
    for place in (Path(os.environ.get("TMPDIR", "/var/tmp")), Path("/var/tmp"), Path("/tmp"), _ROOT / "build"):
        if place.is_dir() and shutil.disk_usage(place).free > space and filesystem_of(place) not in _UNFIT:
            return place
    raise NoPlace(f"--place must name a folder on a disk with {space >> 30} GiB free, not on overlayfs or tmpfs")
