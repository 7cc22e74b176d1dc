"""Finding a lost file's content wherever a copy of it may be."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.layer.content import copy_content, digest_fd
from layerctl.model.imports import ImportLimits
from layerctl.ops.mends.mender import LOST, Mender
from layerctl.source import open_source

if TYPE_CHECKING:
    from layerctl.model.entry import Entry

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Copies:
    """Every file of every layer, compacted run, write layer and source, by size; read when it is asked for.

    Nothing that is found is believed: what was copied is hashed.

    Args:
        mender: the repository, and the sources.
        staging: a folder in which archives may be unpacked.
    """

    def __init__(self, mender: Mender, staging: Path) -> None:
        self._mender = mender
        self._staging = staging
        self._by_size: dict[int, list[bytes]] | None = None
        self._tried: dict[tuple[int, int], bytes] = {}

    def copy(self, entry: Entry, target: int) -> bool:
        """Writes a file's content to an open empty file; whether a copy was found."""
        for path in self._candidates(entry.size):
            try:
                source = os.open(path, _OPEN)
            except OSError:
                continue
            try:
                if self._matches(source, entry) and _copy_and_check(source, target, entry):
                    return True
            except OSError:
                continue  # this copy cannot be read
            finally:
                os.close(source)
        return False

    def _candidates(self, size: int) -> list[bytes]:
        if self._by_size is None:
            self._by_size = {}
            for root in self._roots():
                for path, length in _files(os.fsencode(root)):
                    self._by_size.setdefault(length, []).append(path)
        return self._by_size.get(size, [])

    def _matches(self, source: int, entry: Entry) -> bool:
        status = os.fstat(source)
        inode = (status.st_dev, status.st_ino)
        if not stat.S_ISREG(status.st_mode) or status.st_size != entry.size:
            return False
        if inode not in self._tried:
            self._tried[inode] = digest_fd(source, status.st_size)[0]
        return self._tried[inode] == entry.digest

    def _roots(self) -> Iterator[Path]:
        layout = self._mender.layout
        for pattern in ("layers/*/fs", "layers/compacted/*/fs", "worktrees/*/upper"):
            yield from layout.root.glob(pattern)
        for pattern in ("parked/*/upper", "parked/*/worktree/upper", f"{LOST}/*"):
            yield from layout.root.glob(pattern)
        for number, source in enumerate(self._mender.sources):
            yield from self._unpacked(source, number)

    def _unpacked(self, source: str, number: int) -> Iterator[Path]:
        if Path(source).is_dir():
            yield Path(source)
            return
        folder = Path(tempfile.mkdtemp(prefix=f"source-{number}-", dir=self._staging))
        image = open_source(
            source,
            staging=folder,
            limits=ImportLimits(),
            progress=self._mender.survey.progress,
            stdin=None,
            namespace=self._mender.survey.namespace,
            platform=None,
            exclude=frozenset(),
        )
        for layer in image.layers:
            yield layer.fs


def _copy_and_check(source: int, target: int, entry: Entry) -> bool:
    os.ftruncate(target, 0)
    copy_content(source, target)
    os.lseek(target, 0, os.SEEK_SET)
    return digest_fd(target, entry.size) == (entry.digest, entry.size)


def _files(root: bytes) -> Iterator[tuple[bytes, int]]:
    """Regular files below a directory with their sizes, without what cannot be read or is mounted there."""
    try:
        device = os.stat(root, follow_symlinks=False).st_dev
    except OSError:
        return
    stack = [root]
    while stack:
        try:
            with os.scandir(stack.pop()) as found:
                for entry in found:
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode) and status.st_dev == device:
                        stack.append(entry.path)
                    elif stat.S_ISREG(status.st_mode):
                        yield entry.path, status.st_size
        except OSError:
            continue
