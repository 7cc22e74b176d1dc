"""Taking what a command prints, instead of showing it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from layerctl.runtime.foreground import Stdio

#: Of each stream, so much is kept. The rest is read and dropped, so that a command never waits and memory never fills.
CAPTURE_LIMIT = 16 << 20
_CHUNK = 64 << 10


class Captured:
    """What a command printed, complete once :func:`capturing` has ended."""

    def __init__(self) -> None:
        self._out, self._err = bytearray(), bytearray()

    @property
    def stdout(self) -> bytes:
        """The beginning of its output, up to ``CAPTURE_LIMIT``."""
        return bytes(self._out)

    @property
    def stderr(self) -> bytes:
        """The same of its error output."""
        return bytes(self._err)


@contextmanager
def capturing(stdio: Stdio) -> Iterator[tuple[Stdio, Captured]]:
    """Gives streams for a command whose output is taken, and where that will be.

    Args:
        stdio: its ``stdin`` stays, and is empty if it is None: nobody types what a program asks for.
    """
    captured = Captured()
    with _empty(stdio.stdin) as stdin, _taking(captured._out) as out, _taking(captured._err) as err:
        yield Stdio(stdin, out, err), captured


@contextmanager
def _empty(stdin: int | None) -> Iterator[int]:
    if stdin is not None:
        yield stdin
        return
    fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _taking(kept: bytearray) -> Iterator[int]:
    """The end of a pipe to write to; what comes is appended until all who have it are gone."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    reader = Thread(target=_read_all, args=(reading, kept), daemon=True)
    reader.start()
    try:
        yield writing
    finally:
        os.close(writing)
        reader.join()
        os.close(reading)


def _read_all(fd: int, kept: bytearray) -> None:
    while data := os.read(fd, _CHUNK):
        kept += data[: CAPTURE_LIMIT - len(kept)]
