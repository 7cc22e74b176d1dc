"""Opening archive files: in place where that is possible, through a temporary file where it is not."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import LimitExceeded, NoPrivilege, SourceNotFound, UsageError
from layerctl.layer.failure import explained
from layerctl.layer.fullwrite import write_all
from layerctl.source.compression import decompressed, is_compressed, sniff
from layerctl.source.files import TarFiles
from layerctl.source.stream import Slice

if TYPE_CHECKING:
    from layerctl.model.imports import ImportLimits
    from layerctl.source.request import Request


@contextmanager
def open_file(path: Path) -> Iterator[int]:
    """Opens a file or a pipe for reading.

    Raises:
        SourceNotFound: it is not there.
        NoPrivilege: it may not be read.
        UsageError: it is neither.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError as exc:
        raise SourceNotFound(f"no such file: {str(path)!r}") from exc
    except PermissionError as exc:
        raise NoPrivilege(f"{str(path)!r} may not be read") from exc
    try:
        mode = os.fstat(fd).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise UsageError(f"{str(path)!r} is neither a file nor a pipe")
        yield fd
    finally:
        os.close(fd)


@contextmanager
def open_archive(path: Path, request: Request) -> Iterator[TarFiles]:
    """Opens a tar archive whose files are needed one by one, compressed or not.

    Raises:
        BadArchive: it is broken or cut.
        LimitExceeded: it is too big.
        NoSpace: there is no room to decompress it.
        SourceNotFound: it is not there.
    """
    with open_file(path) as fd:
        whole = Slice(fd, 0, os.fstat(fd).st_size)
        regular = stat.S_ISREG(os.fstat(fd).st_mode)
        if regular and not is_compressed(sniff(whole.chunks())[0]):
            yield TarFiles(whole, request.limits)
            return
        chunks = decompressed(whole.chunks() if regular else _read(fd), request.limits)
        with _spooled(chunks, request.staging, request.limits) as spooled:
            yield TarFiles(spooled, request.limits)


def _read(fd: int) -> Iterator[bytes]:
    while chunk := os.read(fd, 1 << 20):
        yield chunk


@contextmanager
def _spooled(chunks: Iterator[bytes], staging: Path, limits: ImportLimits) -> Iterator[Slice]:
    with tempfile.TemporaryFile(dir=staging, buffering=0) as file:
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > limits.max_bytes:
                raise LimitExceeded(f"the archive unpacks to more than {limits.max_bytes} bytes")
            _write(file.fileno(), chunk)
        yield Slice(file.fileno(), 0, size)


def _write(fd: int, chunk: bytes) -> None:
    try:
        write_all(fd, memoryview(chunk))
    except OSError as exc:
        raise explained(exc, "decompress", b"the archive") from exc
