"""Decompression of whatever an archive came in, told by its first bytes and not by its name.

Sources: RFC 1952 (gzip; several members in a row are one stream), RFC 8878 (zstd), the xz file format, bzip2.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Protocol

import zstandard

from layerctl.errors import BadArchive, LimitExceeded
from layerctl.layer.bytereader import CHUNK
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.imports import ImportLimits

_RATIO_FLOOR = 16 << 20
_XZ_MEMORY = 1 << 30
_ZSTD_STEP = 2 << 10  # one byte of zstd can become 32 KiB, and it has no other bound on what it gives out at once
_SNIFFED = 6


class Codec(Protocol):
    """One compressed stream; ``bz2`` and ``lzma`` have it from the standard library."""

    @property
    def eof(self) -> bool:
        """Whether the stream is complete."""

    @property
    def needs_input(self) -> bool:
        """Whether there is no more output without more input."""

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the end of the stream."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Takes input in, gives some output."""


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self.needs_input = not self._inner.unconsumed_tail and len(out) < max_length
        return out


class _Zstd:
    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor().decompressobj()
        self._input = memoryview(b"")

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._input

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data + bytes(self._input)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        self._input = memoryview(bytes(self._input) + data)
        out = bytearray()
        while self._input and not self._inner.eof and len(out) < max_length:
            step, self._input = self._input[:_ZSTD_STEP], self._input[_ZSTD_STEP:]
            out += self._inner.decompress(step)
        return bytes(out)


@frozen
class _Format:
    name: str
    magic: tuple[bytes, ...]
    codec: Callable[[], Codec]


_FORMATS = (
    _Format("gzip", (b"\x1f\x8b",), _Gzip),
    _Format("zstd", (b"\x28\xb5\x2f\xfd", *(b"%c\x2a\x4d\x18" % low for low in range(0x50, 0x60))), _Zstd),
    _Format("xz", (b"\xfd7zXZ\0",), lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)),
    _Format("bzip2", (b"BZh",), bz2.BZ2Decompressor),
)
_BROKEN = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError)  # bz2 raises OSError


def decompressed(chunks: Iterator[bytes], limits: ImportLimits) -> Iterator[bytes]:
    """Decompresses a stream; one that is not compressed passes through.

    Args:
        chunks: the stream in pieces.
        limits: of which the ratio counts.

    Yields:
        Pieces of about 1 MiB at most, none empty.

    Raises:
        BadArchive: the compressed data is broken or cut.
        LimitExceeded: it grows too much.
    """
    head, rest = sniff(chunks)
    for form in _FORMATS:
        if head.startswith(form.magic):
            return _bounded(rest, form, limits.max_ratio)
    return rest


def is_compressed(head: bytes) -> bool:
    """Whether something that begins like this is compressed."""
    return any(head.startswith(form.magic) for form in _FORMATS)


def sniff(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first few bytes of a stream, and the whole stream again."""
    head = b""
    while len(head) < _SNIFFED and (chunk := next(chunks, b"")):
        head += chunk
    return head[:_SNIFFED], chain((head,) if head else (), chunks)


def _bounded(chunks: Iterator[bytes], form: _Format, max_ratio: int) -> Iterator[bytes]:
    taken = given = 0

    def counted() -> Iterator[bytes]:
        nonlocal taken
        for chunk in chunks:
            taken += len(chunk)
            yield chunk

    for piece in _decode(counted(), form):
        given += len(piece)
        if given > _RATIO_FLOOR and given > taken * max_ratio:
            raise LimitExceeded(
                f"the {form.name} data grows more than {max_ratio}-fold: it may be a decompression bomb"
            )
        yield piece


def _decode(chunks: Iterator[bytes], form: _Format) -> Iterator[bytes]:
    codec: Codec | None = None
    started = False
    for chunk in chunks:
        data = chunk
        while data:
            if codec is None:
                data = data.lstrip(b"\0") if started else data  # padding between and after streams
                codec = form.codec() if data else None
                started = True
            if codec is None:
                break
            yield from _feed(codec, data, form.name)
            data = codec.unused_data if codec.eof else b""
            codec = None if codec.eof else codec
    if codec is not None:
        raise BadArchive(f"the archive is cut short: its {form.name} data ends in the middle")


def _feed(codec: Codec, data: bytes, name: str) -> Iterator[bytes]:
    while True:
        try:
            piece = codec.decompress(data, CHUNK)
        except _BROKEN as exc:
            raise BadArchive(f"the archive's {name} data is broken: {exc}") from exc
        if piece:
            yield piece
        if codec.eof or codec.needs_input:
            return
        data = b""
