"""What is mounted where, and who uses it. Source: proc(5), ``/proc/pid/mountinfo``."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from layerctl import libc
from layerctl.values import frozen

_OCTAL = re.compile(rb"\\([0-7]{3})")
#: In place of the namespace of a process that ended, even if its parent has not asked how: it holds nothing any more.
_ENDED = ""


@frozen
class Mount:
    """One line of mountinfo.

    Attributes:
        mount_id: unique among mounts that exist.
        device: ``(major, minor)`` of the superblock.
        mountpoint: where, as seen by the reading process.
        filesystem: type, such as ``overlay``.
        read_only: whether the superblock is.
        shared: whether mounts below propagate to other namespaces.
        options: the superblock's options, as the kernel shows them.
    """

    mount_id: int
    device: tuple[int, int]
    mountpoint: str
    filesystem: str
    read_only: bool
    shared: bool
    options: str = ""


def read_mounts(process: int | str = "self") -> list[Mount]:
    """The mounts of a process's namespace, in the order in which they were made."""
    return [_parse(line) for line in _lines(process)]


def mount_at(mountpoint: Path) -> Mount | None:
    """The topmost mount at a path, or None."""
    wanted = os.fsencode(mountpoint)
    found = None
    for line in _lines("self"):
        if _point_of(line) == wanted:
            found = line
    return _parse(found) if found is not None else None


def users(mount: Mount, folder: Path) -> Iterator[int]:
    """Process ids that visibly use a superblock.

    By their root, working directory or open files, or by a mount of it in a mount namespace of their own; or by open
    files in ``folder``, the write layer. Of the calling process only open files count. A look, not a proof: a process
    may come at any moment.
    """
    own = _namespace("self")
    devices = (os.makedev(*mount.device), os.stat(folder).st_dev)
    judged: dict[str | None, bool] = {own: False, None: False}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        namespace = _namespace(name)
        if namespace == _ENDED:
            continue
        if namespace not in judged:
            judged[namespace] = _has_device(name, mount.device)
        if judged[namespace] or _holds(name, devices, f"{os.fspath(folder)}/"):
            yield int(name)


def overlay_options() -> str:
    """The options of all overlay mounts in every mount namespace: they name the directories that are mounted."""
    return "\n".join(
        mount.options for mounts in _every_namespace() for mount in mounts if mount.filesystem == "overlay"
    )


def has_detached_users() -> bool:
    """Whether a process visibly uses an overlay that is mounted nowhere any more, so that nothing says of what it is.

    By its root, working directory, program or open files.
    """
    known = {os.makedev(*mount.device) for mounts in _every_namespace() for mount in mounts}
    return any(_is_on_unknown_overlay(link, known) for link in _all_links())


def _all_links() -> Iterator[str]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            yield from (f"/proc/{name}/{link}" for link in ("cwd", "root", "exe"))
            yield from _open_files(name)


def _is_on_unknown_overlay(link: str, known: set[int]) -> bool:
    try:
        status = os.stat(link)
        if status.st_dev in known or not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
            return False
        fd = os.open(link, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return libc.filesystem_type(fd) == libc.OVERLAYFS_MAGIC
    finally:
        os.close(fd)


def _every_namespace() -> Iterator[list[Mount]]:
    seen: set[str | None] = {None, _ENDED}
    for name in os.listdir("/proc"):
        namespace = _namespace(name) if name.isdigit() else None
        if namespace not in seen:
            try:
                mounts = read_mounts(name)
            except OSError:
                continue
            seen.add(namespace)
            yield mounts


def _holds(process: str, devices: tuple[int, int], folder: str) -> bool:
    """Whether a process has something open of the mount's device, or in the folder, which is on the other device."""
    device, below = devices
    links = _open_files(process)
    if int(process) != os.getpid():
        links += [f"/proc/{process}/cwd", f"/proc/{process}/root"]
    for link in links:
        try:
            found = os.stat(link).st_dev
            if found == device or (found == below and f"{os.readlink(link)}/".startswith(folder)):
                return True
        except OSError:
            continue
    return False


def _open_files(process: str) -> list[str]:
    try:
        return [f"/proc/{process}/fd/{number}" for number in os.listdir(f"/proc/{process}/fd")]
    except OSError:
        return []


def _namespace(process: str) -> str | None:
    """What tells mount namespaces apart; :data:`_ENDED`, or None if it may not be read."""
    try:
        return os.readlink(f"/proc/{process}/ns/mnt")
    except (FileNotFoundError, ProcessLookupError):
        return _ENDED
    except OSError:
        return None


def _has_device(process: str, device: tuple[int, int]) -> bool:
    try:
        return any(mount.device == device for mount in read_mounts(process))
    except OSError:
        return False


def _lines(process: int | str) -> list[bytes]:
    with open(f"/proc/{process}/mountinfo", "rb") as file:
        return file.read().splitlines()


def _point_of(line: bytes) -> bytes:
    point = line.split(b" ", 5)[4]
    return _OCTAL.sub(lambda match: bytes((int(match[1], 8),)), point) if b"\\" in point else point


def _parse(line: bytes) -> Mount:
    fields = line.split(b" ")
    dash = fields.index(b"-", 6)
    major, _, minor = fields[2].partition(b":")
    return Mount(
        mount_id=int(fields[0]),
        device=(int(major), int(minor)),
        mountpoint=os.fsdecode(_point_of(line)),
        filesystem=fields[dash + 1].decode(),
        read_only=b"ro" in fields[dash + 3].split(b","),
        shared=any(field.startswith(b"shared:") for field in fields[6:dash]),
        options=os.fsdecode(fields[dash + 3]),
    )
