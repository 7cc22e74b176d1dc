"""Decompression: formats by their content, several streams in a row, broken and hostile data."""

from __future__ import annotations

import gzip
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from layerctl.errors import BadArchive, LimitExceeded
from layerctl.model.imports import ImportLimits
from layerctl.source.compression import decompressed, is_compressed
from tests.support.archives import COMPRESS

_FORMATS = [name for name in COMPRESS if name != "plain"]
DATA = b"".join(b"line %d\n" % number for number in range(60_000)) + random.Random(7).randbytes(50_000)


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def _decompress(data: bytes, size: int = 1 << 20, limits: ImportLimits | None = None) -> bytes:
    return b"".join(decompressed(_pieces(data, size), limits or ImportLimits()))


@pytest.mark.parametrize("size", [1000, 1 << 20])
@pytest.mark.parametrize("form", COMPRESS)
def test_every_format(form: str, size: int) -> None:
    assert _decompress(COMPRESS[form](DATA), size) == DATA


@pytest.mark.parametrize("form", COMPRESS)
def test_nothing_and_one_byte_at_a_time(form: str) -> None:
    assert _decompress(COMPRESS[form](b"")) == b""
    assert _decompress(COMPRESS[form](b"hello"), 1) == b"hello"


@pytest.mark.parametrize("form", _FORMATS)
def test_several_streams_are_one(form: str) -> None:
    compress = COMPRESS[form]
    parts = [DATA[:100_000], b"", DATA[100_000:]]
    assert _decompress(b"".join(map(compress, parts))) == DATA
    assert _decompress(b"".join(map(compress, parts)), 777) == DATA


@pytest.mark.parametrize("form", _FORMATS)
def test_padding_with_zeros_is_no_garbage(form: str) -> None:
    assert _decompress(COMPRESS[form](DATA) + bytes(4096)) == DATA


@pytest.mark.parametrize("form", _FORMATS)
def test_truncation_is_an_error(form: str) -> None:
    data = COMPRESS[form](DATA)
    for size in (len(data) - 1, len(data) - 4, len(data) - 20, len(data) // 2, 20, 7):
        with pytest.raises(BadArchive):
            _decompress(data[:size])


@pytest.mark.parametrize("form", _FORMATS)
def test_damage_is_an_error(form: str) -> None:
    data = bytearray(COMPRESS[form](DATA))
    middle = slice(len(data) // 2, len(data) // 2 + 64)
    data[middle] = bytes(byte ^ 0xFF for byte in data[middle])
    if form == "zst":  # its checksum is optional, as in most layers; damage in a literal goes unseen but for digests
        data = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(DATA))
        data[-3] ^= 1
    with pytest.raises(BadArchive, match="broken"):
        _decompress(bytes(data))


@pytest.mark.parametrize("form", _FORMATS)
def test_garbage_after_a_stream_is_an_error(form: str) -> None:
    with pytest.raises(BadArchive):
        _decompress(COMPRESS[form](DATA) + b"garbage, and not a little of it")


def test_a_gzip_checksum_is_checked() -> None:
    data = gzip.compress(DATA)
    with pytest.raises(BadArchive):
        _decompress(data[:-8] + bytes(4) + data[-4:])


@pytest.mark.parametrize("form", _FORMATS)
def test_bombs(form: str) -> None:
    """TRAPS 25."""
    bomb = COMPRESS[form](bytes(32 << 20))
    with pytest.raises(LimitExceeded, match="bomb"):
        _decompress(bomb, limits=ImportLimits(max_ratio=100))


@pytest.mark.parametrize(("form", "size", "bound"), [("gz", 16, 1), ("xz", 16, 1), ("bz2", 16, 1), ("zst", 200, 64)])
def test_no_single_piece_is_a_bomb(form: str, size: int, bound: int) -> None:
    """However much there is, it comes in pieces that memory holds (sizes in MiB)."""
    pieces = decompressed(iter([COMPRESS[form](bytes(size << 20))]), ImportLimits(max_ratio=1 << 30))
    assert max(map(len, pieces)) <= bound << 20


def test_what_pzstd_writes(workdir: Path) -> None:
    """Skippable frames before each frame."""
    assert shutil.which("pzstd")
    (workdir / "f").write_bytes(DATA * 8)
    subprocess.run(["pzstd", "-q", workdir / "f"], check=True)
    assert _decompress((workdir / "f.zst").read_bytes()) == DATA * 8


@given(st.binary(max_size=300), st.integers(1, 50))
def test_what_is_not_compressed_passes_through(data: bytes, size: int) -> None:
    if not is_compressed(data):
        assert _decompress(data, size) == data
