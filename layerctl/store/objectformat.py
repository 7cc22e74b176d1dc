"""Git's objects as bytes: trees, commits and annotated tags.

Source of the formats: Git's ``gitformat-pack(5)`` (object types), ``git-mktree(1)``, ``git-hash-object(1)``, and
``Documentation/technical`` on commits and signatures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

from layerctl.errors import Damaged
from layerctl.model.commit import Author
from layerctl.model.ids import CommitId, ObjectId
from layerctl.values import frozen

_TREE_MODE, _BLOB_MODE = b"40000", b"100644"
_HEX = re.compile(r"[0-9a-f]{40}\Z")
_SIGNATURE = re.compile(rb"(.*?) ?<([^<>]*)> (-?\d+) ([+-])(\d\d)(\d\d)\Z")
_PARENT = re.compile(rb"^parent ([0-9a-f]{40})$", re.M)
_WHEN = re.compile(rb"^committer .*> (-?\d+) [+-]\d{4}$", re.M)
#: What would end a signature's field, or its line.
_NOT_IN_NAMES = re.compile(r"[<>\n\0]")


@frozen
class CommitObject:
    """A Git commit.

    Attributes:
        tree: its tree.
        parents: its parents.
        author: who made the change.
        date: when, timezone-aware, whole seconds.
        committer: who recorded it.
        commit_date: when, timezone-aware, whole seconds.
        message: whole message, without newlines at its ends.
    """

    tree: ObjectId
    parents: tuple[CommitId, ...]
    author: Author
    date: datetime
    committer: Author
    commit_date: datetime
    message: str


def object_id(kind: str, data: bytes) -> ObjectId:
    """The id of an object: SHA-1 over its header and content."""
    import hashlib  # noqa: PLC0415 (takes 3 ms to load, and who only reads needs no id)

    return ObjectId(hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data, usedforsecurity=False).digest())


def format_tree(rows: Iterable[tuple[bytes, bool, ObjectId]]) -> bytes:
    """A tree of ``(name, is_tree, id)`` rows."""
    ordered = sorted(rows, key=lambda row: row[0] + b"/" if row[1] else row[0])
    return b"".join(b"%s %s\0%s" % (_TREE_MODE if is_tree else _BLOB_MODE, name, oid) for name, is_tree, oid in ordered)


def parse_tree(data: bytes) -> dict[bytes, ObjectId]:
    """The names and ids in a tree.

    Raises:
        Damaged: it is malformed.
    """
    found: dict[bytes, ObjectId] = {}
    place = 0
    while place < len(data):
        end = data.find(b"\0", place)
        space = data.find(b" ", place, end)
        if end < 0 or space < 0 or end + 21 > len(data):
            raise Damaged("a Git tree is malformed")
        found[data[space + 1 : end]] = ObjectId(data[end + 1 : end + 21])
        place = end + 21
    return found


def format_commit(commit: CommitObject) -> bytes:
    """A commit as Git stores it."""
    lines = [f"tree {commit.tree.hex()}"]
    lines += [f"parent {parent.hex}" for parent in commit.parents]
    lines.append(f"author {format_signature(commit.author, commit.date)}")
    lines.append(f"committer {format_signature(commit.committer, commit.commit_date)}")
    return _encode("\n".join(lines) + "\n\n" + commit.message.rstrip("\n") + "\n")


def parse_commit(data: bytes) -> CommitObject:
    """Reads a commit.

    Raises:
        Damaged: it is malformed.
    """
    head, _, message = data.partition(b"\n\n")
    tree: bytes | None = None
    parents: list[CommitId] = []
    people: dict[bytes, tuple[Author, datetime]] = {}
    encoding = "utf-8"
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        if key == b"tree":
            tree = _raw(value)
        elif key == b"parent":
            parents.append(CommitId(_raw(value).hex()))
        elif key in (b"author", b"committer"):
            people[key] = parse_signature(value)
        elif key == b"encoding":
            encoding = value.decode("ascii", "replace")
    if tree is None or len(people) != 2:
        raise Damaged("a Git commit is malformed")
    (author, date), (committer, commit_date) = people[b"author"], people[b"committer"]
    text = _decode(message, encoding).strip("\n")
    return CommitObject(ObjectId(tree), tuple(parents), author, date, committer, commit_date, text)


def format_tag(name: str, target: CommitId, author: Author, when: datetime, message: str) -> bytes:
    """An annotated tag of a commit."""
    head = f"object {target}\ntype commit\ntag {name}\ntagger {format_signature(author, when)}\n\n"
    return _encode(head + message.rstrip() + "\n")


def parse_tag(data: bytes) -> tuple[str, str]:
    """What an annotated tag names, as hex, and its message.

    Raises:
        Damaged: it is malformed.
    """
    head, _, message = data.partition(b"\n\n")
    target = head.partition(b"\n")[0].removeprefix(b"object ")
    return _raw(target).hex(), message.decode("utf-8", "replace").rstrip("\n")


def format_signature(author: Author, when: datetime) -> str:
    """``Name <email> seconds zone``; what cannot be in one is left out of the names."""
    minutes = int((when.utcoffset() or timedelta(0)).total_seconds() // 60)
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
    name, email = (_NOT_IN_NAMES.sub("", text).strip() for text in (author.name, author.email))
    return f"{name} <{email}> {int(when.timestamp())} {zone}"


def parse_signature(data: bytes) -> tuple[Author, datetime]:
    """Reads ``Name <email> seconds zone``.

    Raises:
        Damaged: it is malformed.
    """
    match = _SIGNATURE.match(data)
    if match is None:
        raise Damaged("a signature in a Git commit is malformed")
    minutes = int(match[5]) * 60 + int(match[6])
    try:
        zone = timezone(timedelta(minutes=-minutes if match[4] == b"-" else minutes))
        when = datetime.fromtimestamp(int(match[3]), zone)
    except (ValueError, OverflowError, OSError) as exc:
        raise Damaged("a date in a Git commit is out of range") from exc
    return Author(match[1].decode("utf-8", "replace"), match[2].decode("utf-8", "replace")), when


def is_hex_id(text: str) -> bool:
    """Whether a text is a whole object id."""
    return _HEX.match(text) is not None


def ancestry(data: bytes) -> tuple[list[str], int]:
    """Of a commit, what a walk through the history needs: its parents in hex, and when it was recorded.

    Raises:
        Damaged: it is malformed.
    """
    head = data.partition(b"\n\n")[0]
    when = _WHEN.search(head)
    if when is None:
        raise Damaged("a Git commit is malformed")
    return [parent.decode() for parent in _PARENT.findall(head)], int(when[1])


def _raw(value: bytes) -> bytes:
    try:
        raw = bytes.fromhex(value.decode("ascii"))
    except (ValueError, UnicodeDecodeError) as exc:
        raise Damaged("an object id in a Git object is malformed") from exc
    if len(raw) != 20:
        raise Damaged("an object id in a Git object is malformed")
    return raw


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding, "replace")
    except LookupError:
        return data.decode("utf-8", "replace")
