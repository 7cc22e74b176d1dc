"""POSIX ACLs: the text that ``tar --acls`` writes, and the bytes of ``system.posix_acl_*``.

Sources: acl(5), "ACL TEXT FORMS"; the kernel's ``include/uapi/linux/posix_acl_xattr.h`` for the bytes.
"""

from __future__ import annotations

import re
import struct

_VERSION = struct.pack("<I", 2)
_ENTRY = struct.Struct("<HHI")
_UNDEFINED_ID = 0xFFFFFFFF
_TAGS = {(b"u", False): 0x01, (b"u", True): 0x02, (b"g", False): 0x04, (b"g", True): 0x08, (b"m", False): 0x10}
_OTHER = 0x20
_WORDS = {0x01: b"user", 0x02: b"user", 0x04: b"group", 0x08: b"group", 0x10: b"mask", _OTHER: b"other"}
_NAMED = {0x02, 0x08}
_LINE = re.compile(rb"(u|g|m|o)[a-z]*:([^:]*):([-r][-w][-xX])(?::([0-9]+))?\Z")


def acl_from_text(text: bytes) -> bytes:
    """Turns ``user::rw-,user:1000:r--,group::r--,mask::r--,other::---`` into an attribute's value.

    Ids must be numbers, or follow as a fourth field, as star writes them: a name means nothing outside the machine
    that wrote the archive.

    Raises:
        ValueError: the text is malformed, or names somebody.
    """
    lines = [line.strip() for line in re.split(rb"[,\n]", text)]
    return _VERSION + b"".join(_ENTRY.pack(*entry) for entry in sorted(_parse(line) for line in lines if line))


def acl_to_text(value: bytes) -> bytes | None:
    """The inverse, with ids as numbers; None if the bytes are no ACL."""
    if not value.startswith(_VERSION) or (len(value) - len(_VERSION)) % _ENTRY.size:
        return None
    lines = []
    for tag, permissions, identifier in _ENTRY.iter_unpack(value[len(_VERSION) :]):
        if tag not in _WORDS or permissions > 7:
            return None
        bits = bytes(char if permissions & bit else ord("-") for char, bit in zip(b"rwx", (4, 2, 1), strict=True))
        lines.append(b"%s:%s:%s" % (_WORDS[tag], b"%d" % identifier if tag in _NAMED else b"", bits))
    return b",".join(lines) or None


def _parse(line: bytes) -> tuple[int, int, int]:
    match = _LINE.match(line)
    if match is None:
        raise ValueError(f"its ACL entry {line[:80]!r} is malformed")
    who, qualifier, bits, number = match.groups()
    permissions = sum(bit for char, bit in zip(bits, (4, 2, 1), strict=True) if char != ord("-"))
    if not qualifier:
        return _TAGS.get((who, False), _OTHER), permissions, _UNDEFINED_ID
    identifier = number or qualifier
    if (who, True) not in _TAGS or not identifier.isdigit() or int(identifier) >= _UNDEFINED_ID:
        raise ValueError(f"its ACL names {qualifier[:80]!r}, not a number; tar --xattrs-include='*' stores numbers")
    return _TAGS[who, True], permissions, int(identifier)
