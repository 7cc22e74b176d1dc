"""Maps of sparse files in tar archives: old GNU, and GNU's PAX formats 0.0, 0.1 and 1.0.

Source: GNU tar manual, "Storing Sparse Files".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from layerctl.layer.pax import Extension, decimal
from layerctl.layer.tarheader import BLOCK, Header, parse_number

#: Where data is: ``(offset, length)`` pairs, ascending and apart.
Extents = tuple[tuple[int, int], ...]

_MAX_NUMBERS = 4 << 20


def old_gnu_map(header: Header, next_block: Callable[[], bytes]) -> tuple[int, Extents]:
    """Logical size and map of an old GNU sparse file (type ``S``).

    Args:
        header: its header block.
        next_block: reads the extension blocks that follow it.

    Raises:
        ValueError: a number is malformed.
    """
    block = header.block
    numbers = list(_pairs_in(block[386:482]))
    more = block[482]
    while more and len(numbers) < _MAX_NUMBERS:
        extension = next_block()
        numbers += _pairs_in(extension[:504])
        more = extension[504]
    return parse_number(block[483:495], "sparse size"), _extents(numbers)


def pax_map(extension: Extension, next_block: Callable[[], bytes]) -> tuple[int, Extents] | None:
    """Logical size and map of a sparse file in a PAX format; None if the entry is no sparse file.

    Args:
        extension: the PAX records before the entry.
        next_block: reads from the entry's data, where format 1.0 keeps its map.

    Raises:
        ValueError: the map is malformed.
    """
    fields = extension.fields
    if fields.get(b"GNU.sparse.major") == b"1":
        return _size(extension, b"GNU.sparse.realsize"), _extents(_numbers_in_data(next_block))
    if b"GNU.sparse.map" in fields:
        text = fields[b"GNU.sparse.map"]
        numbers = [decimal(number, b"GNU.sparse.map") for number in text.split(b",")] if text else []
        return _size(extension, b"GNU.sparse.size"), _extents(numbers)
    if b"GNU.sparse.size" in fields:
        return _size(extension, b"GNU.sparse.size"), _extents(extension.sparse)
    return None


def check_map(size: int, extents: Extents, stored: int) -> None:
    """Checks that a map is one: in order, inside the file, and as long as the data that there is.

    Raises:
        ValueError: it is not.
    """
    end = 0
    for offset, length in extents:
        if offset < end or length < 0:
            raise ValueError("its sparse map is out of order")
        end = offset + length
    if end > size or sum(length for _, length in extents) != stored:
        raise ValueError("its sparse map does not fit its size")


def _pairs_in(table: bytes) -> Iterator[int]:
    for start in range(0, len(table), 24):
        if not table[start]:
            return
        yield parse_number(table[start : start + 12], "sparse offset")
        yield parse_number(table[start + 12 : start + 24], "sparse length")


def _numbers_in_data(next_block: Callable[[], bytes]) -> list[int]:
    """Format 1.0: a count and that many pairs, one number a line, padded to whole blocks."""
    numbers: list[int] = []
    wanted, rest = 1, b""
    while len(numbers) < wanted:
        *lines, rest = (rest + next_block()).split(b"\n")
        for line in lines:
            if len(numbers) < wanted:
                numbers.append(decimal(line, b"sparse map"))
                wanted = min(1 + 2 * numbers[0], _MAX_NUMBERS)
        if len(rest) > BLOCK:
            raise ValueError("its sparse map is not made of numbers")
    return numbers[1:]


def _size(extension: Extension, key: bytes) -> int:
    size = extension.number(key)
    if size is None:
        raise ValueError("its sparse map comes without a size")
    return size


def _extents(numbers: list[int]) -> Extents:
    if len(numbers) >= _MAX_NUMBERS - 1:
        raise ValueError("its sparse map is too long")
    if len(numbers) % 2:
        raise ValueError("its sparse map ends in the middle of a pair")
    return tuple((offset, length) for offset, length in zip(numbers[::2], numbers[1::2], strict=True))
