r"""The text form of an entry: one line, keywords of mtree(5).

::

    name type=file mode=0644 uid=0 gid=0 time=1700000000.000000000 size=3 digest=blake3:… xattr.user.k=dg==

Names and values are escaped so that any byte sequence fits in printable ASCII: every byte outside ``!``..``~``, and
``%``, ``/``, ``\``, ``:``, ``=`` in names, is written ``%XX``. Symlink targets and paths keep their slashes.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

from layerctl.errors import Damaged
from layerctl.model.entry import Entry, Kind, Xattrs
from layerctl.model.ids import Digest

_NAME_UNSAFE = re.compile(rb"[^!-$&-.0-9;<>-\[\]-~]")
_PATH_UNSAFE = re.compile(rb"[^!-$&-.0-9;<>-\[\]-~/]")
_ESCAPED = re.compile(rb"%([0-9A-F]{2})")
#: Nearly every entry is one of these, and it takes a third of the time to read it so.
_PLAIN_FILE = re.compile(
    rb"type=file mode=([0-7]+) uid=(\d+) gid=(\d+) time=(-?\d+)\.(\d{9}) size=(\d+) digest=blake3:([0-9a-f]{64})\Z"
)
_KIND_BYTES = {kind: kind.value.encode() for kind in Kind}
_KINDS = {value: kind for kind, value in _KIND_BYTES.items()}


def _percent(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % match[0][0]


def escape_name(name: bytes) -> bytes:
    """One path component as printable ASCII."""
    return _NAME_UNSAFE.sub(_percent, name)


def escape_path(path: bytes) -> bytes:
    """A path or a symlink target as printable ASCII, slashes kept."""
    return _PATH_UNSAFE.sub(_percent, path)


def unescape(text: bytes) -> bytes:
    """The inverse of both."""
    return _ESCAPED.sub(lambda match: bytes((int(match[1], 16),)), text)


def _format_time(mtime_ns: int) -> bytes:
    return b"%d.%09d" % divmod(mtime_ns, 1_000_000_000)


def _parse_time(text: bytes) -> int:
    seconds, _, nanoseconds = text.partition(b".")
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def format_entry(entry: Entry) -> bytes:
    """The keywords of an entry, without its name."""
    text = b"type=%s mode=%04o uid=%d gid=%d time=%s" % (
        _KIND_BYTES[entry.kind],
        entry.mode,
        entry.uid,
        entry.gid,
        _format_time(entry.mtime_ns),
    )
    if entry.digest is not None:
        text += b" size=%d digest=blake3:%s" % (entry.size, entry.digest.hex().encode())
    elif entry.target is not None:
        text += b" link=" + escape_path(entry.target)
    elif entry.rdev is not None:
        text += b" major=%d minor=%d" % entry.rdev
    for key, value in entry.xattrs:
        text += b" xattr.%s=%s" % (escape_name(key), b64encode(value))
    return text


def parse_entry(text: bytes) -> Entry:
    """The inverse of :func:`format_entry`.

    Raises:
        Damaged: the text is no such line.
    """
    try:
        return _parse(text)
    except (KeyError, ValueError) as exc:
        raise Damaged(f"a snapshot holds a line that is no entry: {text[:80]!r}") from exc


def _parse(text: bytes) -> Entry:
    match = _PLAIN_FILE.match(text)
    if match is not None:
        mode, uid, gid, seconds, nanoseconds, size, digits = match.groups()
        mtime_ns = int(seconds) * 1_000_000_000 + int(nanoseconds)
        digest = Digest(bytes.fromhex(digits.decode()))
        return Entry(Kind.FILE, int(mode, 8), int(uid), int(gid), mtime_ns, int(size), digest)
    words: dict[bytes, bytes] = {}
    xattrs = []
    for word in text.split(b" "):
        key, _, value = word.partition(b"=")
        if key.startswith(b"xattr."):
            xattrs.append((unescape(key[6:]), b64decode(value, validate=True)))
        else:
            words[key] = value
    return Entry(
        _KINDS[words[b"type"]],
        int(words[b"mode"], 8),
        int(words[b"uid"]),
        int(words[b"gid"]),
        _parse_time(words[b"time"]),
        int(words.get(b"size", 0)),
        _parse_digest(words.get(b"digest")),
        unescape(words[b"link"]) if b"link" in words else None,
        (int(words[b"major"]), int(words[b"minor"])) if b"major" in words else None,
        _sorted(xattrs),
    )


def _parse_digest(text: bytes | None) -> Digest | None:
    if text is None:
        return None
    scheme, _, digits = text.partition(b":")
    raw = bytes.fromhex(digits.decode())
    if scheme != b"blake3" or len(raw) != 32:
        raise ValueError("not a BLAKE3 digest")
    return Digest(raw)


def _sorted(xattrs: list[tuple[bytes, bytes]]) -> Xattrs:
    return tuple(sorted(xattrs))
