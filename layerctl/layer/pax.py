"""Extension headers: PAX records and GNU long names.

Values are bytes: names in any encoding and binary attributes pass through untouched.
Sources: POSIX.1-2017 ``pax``, "pax Extended Header"; GNU tar's ``xheader.c`` for ``SCHILY.xattr.`` (``%`` and ``=`` in
names are written ``%25`` and ``%3D``); libarchive's ``archive_read_support_format_tar.c`` for ``LIBARCHIVE.xattr.``.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from layerctl.layer.posix_acl import acl_from_text
from layerctl.layer.tarheader import until_nul
from layerctl.values import field, record

_SCHILY = b"SCHILY.xattr."
_LIBARCHIVE = b"LIBARCHIVE.xattr."
_ACLS = {b"SCHILY.acl.access": b"system.posix_acl_access", b"SCHILY.acl.default": b"system.posix_acl_default"}
_SPARSE_NUMBERS = {b"GNU.sparse.offset", b"GNU.sparse.numbytes"}
_TIME = re.compile(rb"(-?)([0-9]{1,20})(?:\.([0-9]*))?\Z")
_GLOBAL = (b"mtime", b"uid", b"gid")


@record
class Extension:
    """What the extension headers before an entry say about it.

    Attributes:
        fields: PAX records by keyword; an empty value takes a keyword back.
        xattrs: extended attributes by name.
        acls: POSIX ACLs that were given as text, by attribute; an attribute of the same name wins.
        sparse: offsets and lengths of a GNU 0.0 sparse map, in their order.
        name: GNU long name.
        linkname: GNU long link target.
    """

    fields: dict[bytes, bytes] = field(default_factory=dict)
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    acls: dict[bytes, bytes] = field(default_factory=dict)
    sparse: list[int] = field(default_factory=list)
    name: bytes | None = None
    linkname: bytes | None = None

    def add(self, kind: bytes, payload: bytes) -> None:
        """Takes in one extension header: ``x`` (or Solaris's ``X``), ``L`` or ``K``.

        Raises:
            ValueError: the payload is malformed.
        """
        if kind == b"L":
            self.name = until_nul(payload)
        elif kind == b"K":
            self.linkname = until_nul(payload)
        else:
            for key, value in parse_records(payload):
                self._add_record(key, value)

    def _add_record(self, key: bytes, value: bytes) -> None:
        if key.startswith(_SCHILY):
            self.xattrs[key[len(_SCHILY) :].replace(b"%3D", b"=").replace(b"%25", b"%")] = value
        elif key.startswith(_LIBARCHIVE):
            self.xattrs.setdefault(unquote_to_bytes(key[len(_LIBARCHIVE) :]), _unpadded_base64(value))
        elif key in _ACLS:
            self.acls[_ACLS[key]] = value
        elif key in _SPARSE_NUMBERS:
            self.sparse.append(decimal(value, key))
        else:
            self.fields[key] = value

    def all_xattrs(self) -> dict[bytes, bytes]:
        """Attributes of every origin.

        Raises:
            ValueError: an ACL is malformed.
        """
        acls = {name: acl_from_text(text) for name, text in self.acls.items() if name not in self.xattrs}
        return {**self.xattrs, **acls}

    def number(self, key: bytes) -> int | None:
        """A PAX record that is a whole number; None if there is none.

        Raises:
            ValueError: it is no number.
        """
        value = self.fields.get(key) if self.fields else None
        return decimal(value, key) if value else None

    def mtime_ns(self) -> int | None:
        """The modification time in nanoseconds, exactly as written; None if there is none.

        Raises:
            ValueError: it is no time.
        """
        text = self.fields.get(b"mtime")
        return parse_time(text) if text else None


def global_fields(payload: bytes) -> dict[bytes, bytes]:
    """What a global PAX header (``g``) says that can sensibly hold for more than one entry.

    Raises:
        ValueError: the payload is malformed.
    """
    return {key: value for key, value in parse_records(payload) if key in _GLOBAL}


def parse_records(payload: bytes) -> Iterator[tuple[bytes, bytes]]:
    r"""Splits ``LENGTH KEYWORD=VALUE\n`` records.

    Raises:
        ValueError: a record is malformed.
    """
    position = 0
    while position < len(payload):
        space = payload.find(b" ", position, position + 12)
        digits = payload[position:space]
        end = position + int(digits) if space > 0 and digits.isdigit() else 0
        equals = payload.find(b"=", space, end)
        if equals < 0 or end > len(payload) or payload[end - 1] != 0x0A:
            raise ValueError("its PAX header is malformed")
        yield payload[space + 1 : equals], payload[equals + 1 : end - 1]
        position = end


def parse_time(text: bytes) -> int:
    """A PAX time, decimal seconds with any fraction, as nanoseconds, rounded down.

    Raises:
        ValueError: it is no such number.
    """
    match = _TIME.match(text)
    if match is None:
        raise ValueError("its PAX time is not a number")
    sign, whole, fraction = match[1], match[2], match[3] or b""
    nanoseconds = int(whole) * 1_000_000_000 + int(fraction[:9].ljust(9, b"0"))
    if not sign:
        return nanoseconds
    return -nanoseconds - bool(fraction[9:].strip(b"0"))


def decimal(text: bytes, key: bytes) -> int:
    """A whole decimal number of sane length.

    Raises:
        ValueError: it is none.
    """
    if not text.isdigit() or len(text) > 20:
        raise ValueError(f"its {key.decode('ascii', 'replace')} is not a number")
    return int(text)


def _unpadded_base64(value: bytes) -> bytes:
    try:
        return b64decode(value.rstrip(b"=") + b"=" * (-len(value.rstrip(b"=")) % 4), validate=True)
    except binascii.Error as exc:
        raise ValueError("an extended attribute is not base64") from exc
