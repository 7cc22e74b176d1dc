"""The lines that lie on users' disks: pinned, so that a change of the format is noticed."""

from __future__ import annotations

import pytest

from layerctl.errors import Damaged
from layerctl.layer.content import digest_bytes
from layerctl.model.entry import Entry, Kind
from layerctl.model.listing import escape_name, escape_path, format_entry, parse_entry, unescape

_EMPTY = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
_LINES = [
    (
        Entry(Kind.FILE, 0o644, 0, 1000, 1_700_000_000_123_456_789, 0, digest_bytes(b"")),
        f"type=file mode=0644 uid=0 gid=1000 time=1700000000.123456789 size=0 digest=blake3:{_EMPTY}",
    ),
    (Entry(Kind.DIR, 0o1777, 0, 0, 0), "type=dir mode=1777 uid=0 gid=0 time=0.000000000"),
    (
        Entry(Kind.SYMLINK, 0o777, 0, 0, 1, target=b"/a b/\xff"),
        "type=link mode=0777 uid=0 gid=0 time=0.000000001 link=/a%20b/%FF",
    ),
    (
        Entry(Kind.CHAR, 0o600, 0, 0, 0, rdev=(1, 3)),
        "type=char mode=0600 uid=0 gid=0 time=0.000000000 major=1 minor=3",
    ),
    (
        Entry(Kind.BLOCK, 0, 0, 0, 0, rdev=(259, 70_000)),
        "type=block mode=0000 uid=0 gid=0 time=0.000000000 major=259 minor=70000",
    ),
    (Entry(Kind.FIFO, 0o4755, 0, 0, 0), "type=fifo mode=4755 uid=0 gid=0 time=0.000000000"),
    (Entry(Kind.SOCKET, 0o755, 4_294_967_294, 0, 0), "type=socket mode=0755 uid=4294967294 gid=0 time=0.000000000"),
    (
        Entry(Kind.DIR, 0o755, 0, 0, 0, xattrs=((b"user.empty", b""), (b"user.k = %", b"\0\xff"))),
        "type=dir mode=0755 uid=0 gid=0 time=0.000000000 xattr.user.empty= xattr.user.k%20%3D%20%25=AP8=",
    ),
]


@pytest.mark.parametrize(("entry", "line"), _LINES)
def test_an_entry_is_written_as_documented(entry: Entry, line: str) -> None:
    assert format_entry(entry) == line.encode()
    assert parse_entry(line.encode()) == entry


@pytest.mark.parametrize(
    ("mtime_ns", "text"),
    [
        (-1, "-1.999999999"),
        (-1_000_000_000, "-1.000000000"),
        (-86_400_000_000_001, "-86401.999999999"),
        (2**63 - 1, "9223372036.854775807"),
    ],
)
def test_a_time_before_1970_keeps_its_nanoseconds(mtime_ns: int, text: str) -> None:
    entry = Entry(Kind.FIFO, 0o600, 0, 0, mtime_ns)
    assert f" time={text}".encode() in format_entry(entry)
    assert parse_entry(format_entry(entry)).mtime_ns == mtime_ns


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"plain-1.txt", b"plain-1.txt"),
        (b"a b", b"a%20b"),
        (b"100%", b"100%25"),
        (b"k=v", b"k%3Dv"),
        (b"a:b", b"a%3Ab"),
        (b"a\\b", b"a%5Cb"),
        (b"new\nline", b"new%0Aline"),
        (b"\xff", b"%FF"),
        (b"a/b", b"a%2Fb"),
    ],
)
def test_a_name_is_escaped_as_documented(raw: bytes, name: bytes) -> None:
    assert escape_name(raw) == name
    assert unescape(name) == raw


def test_a_path_keeps_its_slashes() -> None:
    assert escape_path(b"a b/c") == b"a%20b/c"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"type=nothing mode=0644 uid=0 gid=0 time=0.0",
        b"type=dir mode=9 uid=0 gid=0 time=0.0",
        b"type=dir mode=0755 uid=0 gid=0",
        b"type=dir mode=0755 uid=x gid=0 time=0.0",
        b"type=file mode=0644 uid=0 gid=0 time=0.0 size=1 digest=md5:00",
        b"type=file mode=0644 uid=0 gid=0 time=0.0 size=1 digest=blake3:00",
        b"type=dir mode=0755 uid=0 gid=0 time=0.0 xattr.user.k=!",
    ],
)
def test_a_line_that_is_no_entry_is_damage(line: bytes) -> None:
    with pytest.raises(Damaged):
        parse_entry(line)
