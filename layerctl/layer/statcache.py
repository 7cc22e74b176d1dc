"""Digests remembered between commands: a file that is as it was is not read again.

A file's status stands for its content only if nothing can have changed the one and not the other. A row is made of a
file of which all of this holds, and counts as long as the status is the same in the same mount since the same boot:

- its last change lies so far back that the next one cannot have the same time;
- nobody has it open for writing or mapped writable, of which a lease is the kernel's proof: a write that is under way
  set the time when it began;
- it lies on a filesystem that sets the time when a page is written to through a mapping.

A file that changes while it is read never has the status again under which it is remembered.
After a crash, or on a filesystem that was mounted again, what a file holds can be newer than the time that it shows.
See ``docs/design/0014-what-need-not-be-read-again.md``.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import xxhash

from layerctl import libc
from layerctl.model.ids import Digest

#: Nanoseconds. Whole seconds are the coarsest times that a filesystem of those below keeps.
_OLD = 2_000_000_000
_MAGIC = b"layerctl-stat-1\n"
_MOUNT = struct.Struct("<Q")
#: Device, inode number, size, times of modification and of change, in nanoseconds.
_STATUS = struct.Struct("<QQqqq")
_DIGEST_SIZE = 32
_ROW_SIZE = _STATUS.size + _DIGEST_SIZE
_EXT, _XFS, _BTRFS = 0xEF53, 0x58465342, 0x9123683E
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class StatCache:
    """Digests of files by their status, in a file.

    The file is no record: it is not synced, whoever writes last wins, and without it everything is read.

    Args:
        path: the file; its folder is on the filesystem of the files.
        adding: whether to take in what is read.
        tmp: a folder on the same filesystem, for the file while it is made.
    """

    def __init__(self, path: Path, *, adding: bool, tmp: Path) -> None:
        self._path = path
        self._tmp = tmp
        self._adding = adding
        self._place: bytes | None = None
        self._trusted: dict[int, bool] = {}
        self._rows = self._load()
        self._used: dict[bytes, bytes] = {}

    def digest(self, fd: int, status: os.stat_result, read: Callable[[], tuple[Digest, int]]) -> tuple[Digest, int]:
        """The digest of an open regular file, and its size.

        Args:
            fd: the file.
            status: what fstat(2) said of it before.
            read: reads it.
        """
        key = _key(status)
        known = self._rows.get(key)
        if known is not None:
            self._used[key] = known
            return Digest(known), status.st_size
        settled = self._adding and self._is_settled(fd, status)
        digest, size = read()
        if settled:
            self._used[key] = digest
        return digest, size

    def keep(self, status: os.stat_result) -> None:
        """Says that a file is still there, whose digest nobody wants to know this time."""
        if self._rows and (known := self._rows.get(key := _key(status))) is not None:
            self._used[key] = known

    def save(self) -> None:
        """Writes what was asked for or kept, and nothing else; not being able to is no error.

        Does nothing where nothing is taken in.
        """
        if not self._adding or self._used.keys() == self._rows.keys():
            return
        with suppress(OSError):
            if not self._used:
                self._path.unlink(missing_ok=True)
                return
            body = self._header() + b"".join(key + digest for key, digest in self._used.items())
            made = self._tmp / f"{self._path.name}-{os.getpid()}"
            try:
                made.write_bytes(body + xxhash.xxh3_128_digest(body))
                made.rename(self._path)
            except OSError:
                made.unlink(missing_ok=True)
                raise

    def _load(self) -> dict[bytes, bytes]:
        try:
            data = self._path.read_bytes()
        except OSError:
            return {}
        body, checksum = data[:-16], data[-16:]
        try:
            header = self._header()
        except OSError:
            return {}
        if not body.startswith(header) or xxhash.xxh3_128_digest(body) != checksum:
            return {}
        rows = range(len(header), len(body) - _ROW_SIZE + 1, _ROW_SIZE)
        return {body[at : at + _STATUS.size]: body[at + _STATUS.size : at + _ROW_SIZE] for at in rows}

    def _header(self) -> bytes:
        """What rows of another boot, or of a filesystem that was mounted again, do not begin with.

        Raises:
            OSError: this kernel does not tell mounts apart (before Linux 6.8).
        """
        if self._place is None:
            mount = libc.unique_mount_id(self._path.parent)
            self._place = _MAGIC + _BOOT.read_bytes() + _MOUNT.pack(mount)
        return self._place

    def _is_settled(self, fd: int, status: os.stat_result) -> bool:
        """Whether what is in a file can no longer change without its status."""
        age = time.time_ns() - status.st_ctime_ns
        return age > _OLD and self._is_trusted(fd, status.st_dev) and not _has_writers(fd)

    def _is_trusted(self, fd: int, device: int) -> bool:
        trusted = self._trusted.get(device)
        if trusted is None:
            try:
                self._header()
                here = os.stat(self._path.parent).st_dev == device  # else the mount's number says nothing of it
                trusted = here and libc.filesystem_type(fd) in (_EXT, _XFS, _BTRFS)
            except OSError:
                trusted = False
            self._trusted[device] = trusted
        return trusted


def _key(status: os.stat_result) -> bytes:
    return _STATUS.pack(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _has_writers(fd: int) -> bool:
    """Whether somebody may have a file open for writing, or mapped: the kernel gives no read lease then (fcntl(2)).

    The lease is given back at once. Who opens the file in between waits for that; the signal that we get then is one
    that nobody minds.
    """
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError:  # also where it is somebody else's file, and we may take no leases
        return True
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
