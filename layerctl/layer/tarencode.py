"""One entry as tar spells it: a header block, and PAX records for what does not fit into it.

The bytes are a function of the entry alone. What is looked at by everybody (Go's ``archive/tar``, GNU tar, libarchive)
decides where the standard leaves a choice: numbers in octal, a record only for what a header cannot say, and values as
raw bytes. Sources: POSIX.1-2017 ``pax``; GNU tar's ``xheader.c`` for ``SCHILY.xattr.``, see :mod:`layerctl.layer.pax`.
"""

from __future__ import annotations

from collections.abc import Iterator

from layerctl.layer.posix_acl import acl_to_text
from layerctl.layer.tarheader import BLOCK
from layerctl.model.entry import Entry, Kind

_TYPES = {
    Kind.FILE: b"0",
    Kind.SYMLINK: b"2",
    Kind.CHAR: b"3",
    Kind.BLOCK: b"4",
    Kind.DIR: b"5",
    Kind.FIFO: b"6",
}
_HARDLINK = b"1"
_EXTENSION = b"x"
_EXTENSION_NAME = b"././@PaxHeader"
_NAME_FIELD = 100
_ACLS = {b"system.posix_acl_access": b"SCHILY.acl.access", b"system.posix_acl_default": b"SCHILY.acl.default"}
_SECOND = 1_000_000_000


def member_head(name: bytes, entry: Entry, link: bytes | None = None) -> bytes:
    """Everything of a member but its data.

    Args:
        name: its path; a directory's ends in a slash.
        entry: its metadata. A hard link's is written too: some readers apply it, and chown(2) alone would take away
            setuid bits and capabilities.
        link: for a hard link, the path that it is another name of.
    """
    size = entry.size if entry.kind is Kind.FILE and link is None else 0
    target = link if link is not None else entry.target or b""
    kind = _HARDLINK if link is not None else _TYPES[entry.kind]
    records = b"".join(_record(key, value) for key, value in _records(name, target, size, entry))
    block = _block(
        name,
        kind,
        target=target,
        size=size,
        mode=entry.mode,
        uid=entry.uid,
        gid=entry.gid,
        seconds=entry.mtime_ns // _SECOND,
        rdev=entry.rdev if entry.kind in (Kind.CHAR, Kind.BLOCK) and link is None else None,
    )
    return _extension(records) + block


def padding(size: int) -> bytes:
    """What follows data of that size up to the next block."""
    return bytes(-size % BLOCK)


def _extension(records: bytes) -> bytes:
    if not records:
        return b""
    return _block(_EXTENSION_NAME, _EXTENSION, size=len(records), mode=0o644) + records + padding(len(records))


def _records(name: bytes, target: bytes, size: int, entry: Entry) -> Iterator[tuple[bytes, bytes]]:
    for key, text in ((b"path", name), (b"linkpath", target)):
        if len(text) > _NAME_FIELD or not text.isascii():
            yield key, text
    for key, number, digits in ((b"size", size, 11), (b"uid", entry.uid, 7), (b"gid", entry.gid, 7)):
        if number >= 8**digits:
            yield key, b"%d" % number
    if entry.mtime_ns % _SECOND or not 0 <= entry.mtime_ns < 8**11 * _SECOND:
        yield b"mtime", _time(entry.mtime_ns)
    for key, value in entry.xattrs:
        acl = acl_to_text(value) if key in _ACLS else None
        if acl is not None:
            yield _ACLS[key], acl
        yield b"SCHILY.xattr." + _keyword(key), value


def _time(mtime_ns: int) -> bytes:
    """Seconds with a decimal fraction; that of a negative time counts away from zero."""
    seconds, fraction = divmod(abs(mtime_ns), _SECOND)
    sign = b"-" if mtime_ns < 0 else b""
    return (b"%s%d.%09d" % (sign, seconds, fraction)).rstrip(b"0").rstrip(b".")


def _keyword(xattr: bytes) -> bytes:
    """An attribute's name without ``=``.

    GNU tar writes that as ``%3D``, and then ``%`` as ``%25``; Go knows neither. So nothing is escaped that need not be.
    """
    if b"%3D" in xattr or b"%25" in xattr:
        xattr = xattr.replace(b"%", b"%25")
    return xattr.replace(b"=", b"%3D")


def _record(key: bytes, value: bytes) -> bytes:
    rest = b" %s=%s\n" % (key, value)
    size = len(rest)
    while len(b"%d" % size) + len(rest) != size:
        size = len(b"%d" % size) + len(rest)
    return b"%d" % size + rest


def _block(
    name: bytes,
    kind: bytes,
    *,
    target: bytes = b"",
    size: int = 0,
    mode: int = 0,
    uid: int = 0,
    gid: int = 0,
    seconds: int = 0,
    rdev: tuple[int, int] | None = None,
) -> bytes:
    devices = [_octal(number, 7) for number in rdev] if rdev is not None else [bytes(8), bytes(8)]
    head = _cut(name) + _octal(mode, 7) + _octal(uid, 7) + _octal(gid, 7) + _octal(size, 11) + _octal(seconds, 11)
    tail = kind + _cut(target) + b"ustar\x0000" + bytes(64) + b"".join(devices)
    total = sum(head) + sum(tail) + 8 * ord(" ")
    return (head + b"%06o\0 " % total + tail).ljust(BLOCK, b"\0")


def _cut(text: bytes) -> bytes:
    return text[:_NAME_FIELD].ljust(_NAME_FIELD, b"\0")


def _octal(number: int, digits: int) -> bytes:
    """A field; zero where a PAX record says what does not fit."""
    return b"%0*o\0" % (digits, number if 0 <= number < 8**digits else 0)
