"""Exact amounts of bytes from a stream that gives what it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

CHUNK = 1 << 20


class Readable(Protocol):
    """What archives are read from: any binary file, and anything that decompresses into one."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; none only at the end."""


class ByteReader:
    """Cuts a stream into pieces without copying what lies within one chunk.

    Attributes:
        offset: bytes taken so far.
    """

    __slots__ = ("_position", "_seek", "_source", "_view", "offset")

    def __init__(self, source: Readable, seek: Callable[[int], object] | None = None) -> None:
        """Starts at the stream's present position.

        Args:
            source: the stream.
            seek: moves the stream to an absolute offset, if it can.
        """
        self._source = source
        self._seek = seek
        self._view = memoryview(b"")
        self._position = 0
        self.offset = 0

    def some(self, limit: int) -> memoryview:
        """At least one byte and at most ``limit``; none only at the end of the stream."""
        if self._position >= len(self._view):
            self._view = memoryview(self._source.read(CHUNK))
            self._position = 0
        piece = self._view[self._position : self._position + limit]
        self._position += len(piece)
        self.offset += len(piece)
        return piece

    def exactly(self, size: int) -> memoryview:
        """That many bytes in one piece.

        Raises:
            EOFError: the stream is shorter.
        """
        piece = self.some(size)
        return piece if len(piece) == size else memoryview(b"".join([piece, *self.pieces(size - len(piece))]))

    def pieces(self, size: int) -> Iterator[memoryview]:
        """That many bytes in pieces of any length.

        Raises:
            EOFError: the stream is shorter.
        """
        while size:
            piece = self.some(size)
            if not piece:
                raise EOFError
            size -= len(piece)
            yield piece

    def skip(self, size: int) -> None:
        """Passes over that many bytes; where the stream can seek, beyond its end too.

        Raises:
            EOFError: the stream is shorter.
        """
        buffered = len(self._view) - self._position
        if size <= buffered:
            self._position += size
            self.offset += size
        elif self._seek is None:
            for _ in self.pieces(size):
                pass
        else:
            self._position = len(self._view)
            self.offset += size
            self._seek(self.offset)
