"""Reading a file in a thread of its own, one piece ahead of whoever uses it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue

#: Buffers that may be filled; None ends the thread.
_Free = SimpleQueue[memoryview | None]
#: Buffers with how much is in them: nothing at the end.
_Full = SimpleQueue[tuple[memoryview, int] | OSError]


@contextmanager
def pieces(fd: int, size: int, at_most: int | None) -> Iterator[Iterator[memoryview]]:
    """A file's content from its position on.

    Args:
        fd: the file.
        size: bytes in a piece; there are two of them in memory.
        at_most: stop after so many bytes.

    Yields:
        The pieces; each is good until the next is asked for. Asking raises the OSError that reading met.
    """
    free, full = _Free(), _Full()
    for _ in range(2):
        free.put(memoryview(bytearray(size)))
    thread = threading.Thread(target=_read, args=(fd, at_most, free, full), daemon=True)
    try:
        try:
            thread.start()
        except RuntimeError:  # no thread can be had
            yield _one_by_one(fd, size, at_most)
        else:
            yield _taken(free, full)
    finally:
        free.put(None)
        with suppress(RuntimeError):  # it was never started
            thread.join()


def _read(fd: int, at_most: int | None, free: _Free, full: _Full) -> None:
    done = 0
    while (buffer := free.get()) is not None:
        try:
            count = os.readv(fd, [buffer if at_most is None else buffer[: at_most - done]])
        except OSError as exc:
            full.put(exc)
            return
        full.put((buffer, count))
        done += count
        if not count:
            return


def _taken(free: _Free, full: _Full) -> Iterator[memoryview]:
    while True:
        found = full.get()
        if isinstance(found, OSError):
            raise found
        buffer, count = found
        if not count:
            return
        yield buffer[:count]
        free.put(buffer)


def _one_by_one(fd: int, size: int, at_most: int | None) -> Iterator[memoryview]:
    buffer, done = memoryview(bytearray(size)), 0
    while count := os.readv(fd, [buffer if at_most is None else buffer[: at_most - done]]):
        done += count
        yield buffer[:count]
