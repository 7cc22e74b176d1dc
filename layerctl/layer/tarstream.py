"""Reading a tar archive front to back, in one pass."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from layerctl.errors import BadArchive
from layerctl.layer.bytereader import ByteReader, Readable
from layerctl.layer.pax import Extension, global_fields
from layerctl.layer.tarheader import BLOCK, ZERO_BLOCK, Header
from layerctl.layer.tarmember import Member, build_member, member_name

_LOCAL_EXTENSIONS = (b"x", b"X", b"L", b"K")
_GLOBAL_EXTENSION = b"g"
_VOLUME_LABEL = b"V"
_MAX_EXTENSION = 16 << 20


class TarStream:
    """The members of an archive, each to be read before the next one is asked for.

    What a member's reader leaves of its data is skipped.
    """

    def __init__(self, source: Readable, *, lenient: bool = False, seek: Callable[[int], object] | None = None) -> None:
        """Starts at the stream's present position.

        Args:
            source: the uncompressed archive.
            lenient: takes an archive that just ends, without an end marker, for complete, and ignores what follows a
                marker. Right for a layer, whose digest the caller checks; anything else could have been cut.
            seek: moves ``source`` to an absolute offset, if it can; data is then skipped without being read.
        """
        self._reader = ByteReader(source, seek)
        self._lenient = lenient
        self._globals: dict[bytes, bytes] = {}
        self._plain = Extension()
        self._name: bytes | None = None
        self._left = 0
        self._padding = 0

    @property
    def offset(self) -> int:
        """Bytes read so far; right after a member was given out, where its data begins."""
        return self._reader.offset

    def __iter__(self) -> Iterator[Member]:
        """Yields the members, and reads the stream to its very end after the last.

        Raises:
            BadArchive: the archive is broken, cut or none at all.
        """
        while (member := self._next()) is not None:
            yield member
        self._finish()

    def data(self) -> memoryview:
        """All data of the present member in one piece; for small ones.

        Raises:
            BadArchive: the archive is cut.
        """
        size, self._left = self._left, 0
        with self:
            return self._reader.exactly(size)

    def pieces(self, size: int) -> Iterator[memoryview]:
        """The next ``size`` bytes of the present member's data, in pieces of at most 1 MiB.

        Raises:
            BadArchive: the archive is cut.
        """
        self._left -= size
        with self:
            yield from self._reader.pieces(size)

    def __enter__(self) -> None:
        """Reading goes on here, so that what goes wrong is told as one kind of error, with its place."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, EOFError):
            raise BadArchive(f"the archive is cut short: it ends at byte {self.offset}{self._where()}") from error
        if isinstance(error, ValueError) and self.offset <= BLOCK:
            raise BadArchive(f"this is not a tar archive: {error}") from error
        if isinstance(error, ValueError):
            raise BadArchive(f"the archive is broken at byte {self.offset}{self._where()}: {error}") from error

    def _where(self) -> str:
        return f", in {os.fsdecode(self._name)!r}" if self._name is not None else ""

    def _next(self) -> Member | None:
        with self:
            self._reader.skip(self._left + self._padding)
            self._left = self._padding = 0
            self._name = None
            extension = self._plain
            extended = False
            start = self.offset
            while (header := self._header()) is not None:
                if self.offset - start > _MAX_EXTENSION:
                    raise ValueError("extension headers of an absurd size precede an entry")
                if header.type == _VOLUME_LABEL:
                    continue
                if header.type != _GLOBAL_EXTENSION and header.type not in _LOCAL_EXTENSIONS:
                    return self._member(header, extension)
                if extension is self._plain:
                    extension = Extension(dict(self._globals))
                self._extend(extension, header)
                extended = header.type != _GLOBAL_EXTENSION
            if extended:
                raise EOFError
            return None

    def _member(self, header: Header, extension: Extension) -> Member:
        self._name = member_name(header, extension)
        member = build_member(self._name, header, extension, self._block)
        self._left = member.stored
        self._padding = -member.stored % BLOCK
        return member

    def _extend(self, extension: Extension, header: Header) -> None:
        size = header.size
        if not 0 <= size <= _MAX_EXTENSION:
            raise ValueError("an extension header has an absurd size")
        payload = bytes(self._reader.exactly(size))
        self._reader.skip(-size % BLOCK)
        if header.type == _GLOBAL_EXTENSION:
            self._globals.update(global_fields(payload))
            self._plain = Extension(dict(self._globals))
            extension.fields.update(self._globals)
        else:
            extension.add(header.type, payload)

    def _block(self) -> bytes:
        return bytes(self._reader.exactly(BLOCK))

    def _header(self) -> Header | None:
        """The next header; None at the end marker, or at an end that passes for one."""
        start = self.offset
        try:
            block = self._block()
        except EOFError:
            if self._lenient and self.offset == start:
                return None
            raise
        if block == ZERO_BLOCK:
            return None
        return Header(block)

    def _finish(self) -> None:
        """Reads what follows the end marker: padding, and nothing else unless lenient."""
        with self:
            while piece := self._reader.some(1 << 20):
                if not self._lenient and bytes(piece).count(0) != len(piece):
                    raise ValueError("something follows its end marker")
