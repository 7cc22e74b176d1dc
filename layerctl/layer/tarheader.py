"""One 512-byte tar header block: its fields, its numbers, its checksum.

Sources: POSIX.1-2017 ``pax``, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format"; Go's ``archive/tar``,
which every container tool reads layers with, decides where those two are silent.
"""

from __future__ import annotations

import re
from functools import lru_cache

BLOCK = 512
ZERO_BLOCK = bytes(BLOCK)

_OCTAL = re.compile(rb"[ \0]*([0-7]*)(?:[ \0]|\Z)")
_BLANK_CHECKSUM = 8 * ord(" ")


class Header:
    """The fields of a header block as they stand there, before any extension header is applied.

    Each number is read when it is asked for, and may then raise ValueError; it can be negative or too big for its use.

    Attributes:
        block: the block itself.
        type: the type flag, one byte.
    """

    __slots__ = ("block", "type")

    def __init__(self, block: bytes) -> None:
        """Takes a header block.

        Raises:
            ValueError: the checksum is wrong.
        """
        _check_sum(block)
        self.block = block
        self.type = block[156:157]

    @property
    def name(self) -> bytes:
        """Prefix and name, joined."""
        name = until_nul(self.block[:100])
        if self.block[257:263] != b"ustar\0":
            return name  # v7 has nothing there, and GNU keeps other things there
        prefix = until_nul(self.block[345:476] if self.block[508:] == b"tar\0" else self.block[345:500])
        return prefix + b"/" + name if prefix else name

    @property
    def linkname(self) -> bytes:
        """Target of a link."""
        return until_nul(self.block[157:257])

    @property
    def mode(self) -> int:
        """Permission bits and possibly more."""
        return _repeated_number(self.block[100:108], "mode")

    @property
    def uid(self) -> int:
        """Owner."""
        return _repeated_number(self.block[108:116], "owner")

    @property
    def gid(self) -> int:
        """Group."""
        return _repeated_number(self.block[116:124], "group")

    @property
    def size(self) -> int:
        """Bytes of data that follow."""
        return parse_number(self.block[124:136], "size")

    @property
    def mtime(self) -> int:
        """Modification time in whole seconds."""
        return parse_number(self.block[136:148], "time")

    @property
    def rdev(self) -> tuple[int, int]:
        """Major and minor number of a device node."""
        return parse_number(self.block[329:337], "device"), parse_number(self.block[337:345], "device")


def parse_number(field: bytes, what: str) -> int:
    """A number in octal, or in GNU's base-256: two's complement, marked by the first bit.

    Raises:
        ValueError: it is neither.
    """
    if field[0] & 0x80:
        bits = 8 * len(field) - 1
        value = int.from_bytes(field, "big") & ((1 << bits) - 1)
        return value - (1 << bits) if value >> (bits - 1) else value
    match = _OCTAL.match(field)
    if match is None:
        raise ValueError(f"its {what} is not a number")
    return int(match[1] or b"0", 8)


#: For what is the same in most headers of an archive.
_repeated_number = lru_cache(256)(parse_number)


def until_nul(field: bytes) -> bytes:
    """A text field: everything before the first NUL."""
    return field.partition(b"\0")[0]


def _check_sum(block: bytes) -> None:
    stored = parse_number(block[148:156], "checksum")
    summed = (block[:148] + block[156:]).translate(None, b"\0")  # most of a header is zeros
    if stored != sum(summed) + _BLANK_CHECKSUM and stored != _signed_sum(summed) + _BLANK_CHECKSUM:
        raise ValueError("the checksum of its header is wrong")


def _signed_sum(block: bytes) -> int:
    """What some old tar programs summed up: signed bytes."""
    return sum(block) - 256 * sum(byte > 127 for byte in block)
