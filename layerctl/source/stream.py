"""From pieces of bytes to something that an archive can be read from."""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from io import RawIOBase
from typing import TYPE_CHECKING, Protocol

from layerctl.layer.bytereader import CHUNK, Readable
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.progress import Progress

_AHEAD = 8
_SIGNALS_SEEN_MS = 1000


class Hasher(Protocol):
    """What hashlib gives."""

    def update(self, data: bytes, /) -> None:
        """Takes bytes in."""

    def hexdigest(self) -> str:
        """The digest of all of them."""


@frozen
class Slice:
    """A run of bytes in an open file.

    Attributes:
        fd: the file; belongs to whoever opened it.
        offset: where the bytes begin.
        size: how many.
    """

    fd: int
    offset: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        """The bytes in pieces of at most 1 MiB; fewer than ``size`` if the file was cut meanwhile."""
        position, end = self.offset, self.offset + self.size
        while position < end and (chunk := os.pread(self.fd, min(CHUNK, end - position), position)):
            position += len(chunk)
            yield chunk


def chunks_of(source: Readable) -> Iterator[bytes]:
    """The rest of a file in pieces; what an unbuffered one has, as it comes.

    A signal that arrives right before a blocking read is seen only after it, so no read begins before there is
    something to read, and none waits for more than there is.
    """
    while True:
        if isinstance(source, RawIOBase):
            _wait_for_data(source)
        if not (chunk := source.read(CHUNK)):
            return
        yield chunk


def _wait_for_data(source: RawIOBase) -> None:
    poll = select.poll()
    poll.register(source, select.POLLIN)
    while not poll.poll(_SIGNALS_SEEN_MS):
        pass


def hashed(chunks: Iterator[bytes], *hashers: Hasher) -> Iterator[bytes]:
    """Passes pieces through and hashes them."""
    for chunk in chunks:
        for hasher in hashers:
            hasher.update(chunk)
        yield chunk


class Meter:
    """Counts bytes where they are read, perhaps in another thread, and reports them where they are used."""

    def __init__(self, progress: Progress, stage: str, total: int | None) -> None:
        self._progress = progress
        self._stage = stage
        self._total = total
        self._done = 0

    def count(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Passes pieces through and counts them."""
        for chunk in chunks:
            self._done += len(chunk)
            yield chunk

    def report(self) -> None:
        """Tells how far it is."""
        self._progress(self._stage, self._done, self._total)


class Inline:
    """Reads pieces as they are asked for."""

    def __init__(self, chunks: Iterator[bytes], meter: Meter) -> None:
        self._chunks = chunks
        self._meter = meter

    def read(self, _size: int, /) -> bytes:
        """The next piece, of 1 MiB at most; empty at the end."""
        self._meter.report()
        return next(self._chunks, b"")

    def __enter__(self) -> Inline:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""


class ReadAhead:
    """Reads some pieces ahead in a thread of its own: decompression and hashes leave the interpreter's lock alone.

    Only for what can be read without waiting: closing waits for the piece that is being read.
    """

    def __init__(self, chunks: Iterator[bytes], meter: Meter) -> None:
        self._chunks = chunks
        self._meter = meter
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
        self._coming: deque[Future[bytes]] = deque(self._submit() for _ in range(_AHEAD))

    def read(self, _size: int, /) -> bytes:
        """The next piece, of 1 MiB at most; empty at the end.

        Raises:
            BadArchive: whatever making it raised.
        """
        self._meter.report()
        self._coming.append(self._submit())
        return self._coming.popleft().result()

    def __enter__(self) -> ReadAhead:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _submit(self) -> Future[bytes]:
        return self._thread.submit(next, self._chunks, b"")
