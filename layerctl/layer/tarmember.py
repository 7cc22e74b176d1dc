"""One entry of a tar archive, put together from its header block and the extension headers before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from layerctl.layer.foreign_xattrs import kept
from layerctl.layer.sparse import Extents, check_map, old_gnu_map, pax_map
from layerctl.layer.tarheader import BLOCK, Header
from layerctl.model.entry import Entry, Kind

if TYPE_CHECKING:
    from layerctl.layer.pax import Extension

_HARDLINK = b"1"
_KINDS = {
    b"\0": Kind.FILE,
    b"0": Kind.FILE,
    b"7": Kind.FILE,
    b"S": Kind.FILE,
    _HARDLINK: Kind.FILE,
    b"2": Kind.SYMLINK,
    b"3": Kind.CHAR,
    b"4": Kind.BLOCK,
    b"5": Kind.DIR,
    b"D": Kind.DIR,
    b"6": Kind.FIFO,
}
_WITH_DATA = {b"\0", b"0", b"7", b"S", b"D"}
_MAX_ID = 0xFFFFFFFE  # (uid_t) -1 means "leave as it is" to chown(2)
_MAX_MAJOR, _MAX_MINOR = 0xFFF, 0xFFFFF  # the kernel's internal dev_t
_MAX_SECONDS = 1 << 60
_MAX_TARGET = 4095


class Member(NamedTuple):
    """One entry.

    Attributes:
        name: as the archive spells it.
        entry: its metadata; ``size`` is the logical size, ``digest`` is not known yet.
        link: for a hard link the name that it is another name of, and ``entry`` then means nothing; else None.
        stored: bytes of data that follow.
        extents: where they go in a sparse file; None if it is not sparse.
    """

    name: bytes
    entry: Entry
    link: bytes | None
    stored: int
    extents: Extents | None


def build_member(name: bytes, header: Header, extension: Extension, next_block: Callable[[], bytes]) -> Member:
    """Puts a member together.

    Args:
        name: see :func:`member_name`.
        header: its header block.
        extension: what extension headers said before it.
        next_block: reads on in the archive, for the maps of sparse files.

    Raises:
        ValueError: something about it is malformed or out of range; the text says what.
    """
    kind = _KINDS.get(header.type)
    if kind is None:
        raise ValueError(f"its type {header.type!r} is unknown")
    if header.type == b"\0" and name.endswith(b"/"):
        kind = Kind.DIR
    stored = _stored(header, extension) if header.type in _WITH_DATA else 0
    size, extents, stored = _layout(header, extension, stored, next_block)
    link = _linkname(header, extension) if header.type == _HARDLINK else None
    return Member(name, _entry(header, extension, kind, size), link, stored, extents)


def member_name(header: Header, extension: Extension) -> bytes:
    """The member's name, wherever it stands."""
    fields = extension.fields
    if not fields:
        return extension.name or header.name
    return extension.name or fields.get(b"GNU.sparse.name") or fields.get(b"path") or header.name


def _linkname(header: Header, extension: Extension) -> bytes:
    return extension.linkname or extension.fields.get(b"linkpath") or header.linkname


def _stored(header: Header, extension: Extension) -> int:
    stored = extension.number(b"size")
    if stored is None:
        stored = header.size
    if stored < 0:
        raise ValueError("its size is negative")
    return stored


def _layout(
    header: Header, extension: Extension, stored: int, next_block: Callable[[], bytes]
) -> tuple[int, Extents | None, int]:
    """Logical size, sparse map and the bytes of data that are left after the map."""
    if header.type != b"S" and not extension.fields and not extension.sparse:
        return stored, None, stored
    blocks = 0

    def block_of_data() -> bytes:
        nonlocal blocks
        blocks += 1
        if blocks * BLOCK > stored:
            raise ValueError("its sparse map is longer than its data")
        return next_block()

    found = old_gnu_map(header, next_block) if header.type == b"S" else pax_map(extension, block_of_data)
    if found is None or header.type not in _WITH_DATA:
        return stored, None, stored
    size, extents = found
    check_map(size, extents, stored - blocks * BLOCK)
    return size, extents, stored - blocks * BLOCK


def _entry(header: Header, extension: Extension, kind: Kind, size: int) -> Entry:
    symlink = kind is Kind.SYMLINK
    uid, gid = extension.number(b"uid"), extension.number(b"gid")
    return Entry(
        kind,
        0o777 if symlink else header.mode & 0o7777,
        _identifier(header.uid if uid is None else uid),
        _identifier(header.gid if gid is None else gid),
        _mtime_ns(header, extension),
        size if kind is Kind.FILE else 0,
        None,
        _target(_linkname(header, extension)) if symlink else None,
        _rdev(header, kind) if header.type in b"34" else None,
        kept(extension.all_xattrs().items(), kind) if extension.xattrs or extension.acls else (),
    )


def _mtime_ns(header: Header, extension: Extension) -> int:
    mtime_ns = extension.mtime_ns()
    if mtime_ns is None:
        mtime_ns = header.mtime * 1_000_000_000
    if abs(mtime_ns) >= _MAX_SECONDS * 1_000_000_000:
        raise ValueError("its modification time is out of range")
    return mtime_ns


def _identifier(number: int) -> int:
    if not 0 <= number <= _MAX_ID:
        raise ValueError(f"its owner {number} is out of range")
    return number


def _target(target: bytes) -> bytes:
    if not target or b"\0" in target or len(target) > _MAX_TARGET:
        raise ValueError("its link target is empty, too long or not a path")
    return target


def _rdev(header: Header, kind: Kind) -> tuple[int, int]:
    major, minor = header.rdev
    if not (0 <= major <= _MAX_MAJOR and 0 <= minor <= _MAX_MINOR):
        raise ValueError(f"its device number {major}:{minor} is out of range")
    if kind is Kind.CHAR and major == minor == 0:
        raise ValueError("it is a character device 0:0, which would be a whiteout")
    return major, minor
