"""The mount table, read from the kernel, and a clean-up that never leaves the directory it is given."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_CLONE_NEWNS = 0x20000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000


def enter_mount_namespace() -> None:
    """Gives this process mounts of its own.

    A container's mount namespace holds copies of everything that was mounted around it: another test's rootfs would
    look used, and be used. What a killed test left mounted ends with the process.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) or libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None):
        code = ctypes.get_errno()
        raise OSError(code, f"no mount namespace of our own: {os.strerror(code)}")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo(5)."""

    id: int
    point: Path
    fstype: str
    options: str


def mounts(pid: int | str = "self") -> list[Mount]:
    """Every mount that process sees, in the order in which they were made."""
    lines = Path(f"/proc/{pid}/mountinfo").read_bytes().decode("utf-8", "surrogateescape").splitlines()
    return [_parse(line) for line in lines]


def mounts_below(top: Path) -> list[Mount]:
    """The mounts on or below ``top``."""
    return [mount for mount in mounts() if mount.point == top or top in mount.point.parents]


def mount_at(point: Path) -> Mount | None:
    """The topmost mount exactly on ``point``, if there is one."""
    return next((mount for mount in reversed(mounts()) if mount.point == point), None)


def unmount_below(top: Path, *, lazily: bool = False) -> None:
    """Takes away every mount on or below ``top``, newest first; lazily only where it is held.

    With ``lazily``, each one is detached without asking whether it is in use, as ``umount -l`` does.
    """
    for _ in range(100):
        found = mounts_below(top)
        if not found:
            return
        for mount in reversed(found):
            if lazily or subprocess.run(["umount", "-n", mount.point], capture_output=True).returncode != 0:
                subprocess.run(["umount", "-n", "-l", mount.point], capture_output=True)
    raise AssertionError(f"cannot unmount {mounts_below(top)}")


def kill_containers(top: Path) -> None:
    """Kills processes whose own root directory is an overlay made of directories below ``top``, and sees them end."""
    found = [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and _lives_in(entry, top)]
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while any(_is_alive(pid) for pid in found) and time.monotonic() < deadline:
        time.sleep(0.01)


def _is_alive(pid: int) -> bool:
    """Whether it is there and more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def _lives_in(pid: str, top: Path) -> bool:
    try:
        roots = [mount for mount in mounts(pid) if mount.point == Path("/")]
    except (OSError, ValueError):
        return False
    return any(mount.fstype == "overlay" and f"{top}/" in mount.options for mount in roots)


def _parse(line: str) -> Mount:
    left, _, right = line.partition(" - ")
    fields, tail = left.split(" "), right.split(" ")
    return Mount(int(fields[0]), Path(_unescape(fields[4])), tail[0], _unescape(tail[-1]))


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
