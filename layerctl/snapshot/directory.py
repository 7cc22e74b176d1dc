"""One directory of a snapshot, as a Git tree.

The tree holds the subdirectories as subtrees and one blob, ``%entries``, with a line for the directory itself (``.``,
first) and one for everything else in it, sorted by raw name bytes. The root's tree may have a second blob,
``%hardlinks``. Names are escaped, so neither can collide with a file's; names that Git refuses are escaped further.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.errors import Damaged
from layerctl.model.entry import Entry, Kind
from layerctl.model.ids import ObjectId
from layerctl.model.listing import escape_name, unescape
from layerctl.values import field, frozen, record

if TYPE_CHECKING:
    from layerctl.snapshot.objects import ObjectStore

ENTRIES = b"%entries"
HARDLINKS = b"%hardlinks"

#: What a directory is that an archive implies without describing it.
IMPLIED_DIR = Entry(Kind.DIR, 0o755, 0, 0, 0)

_BLOB_MODE = b"100644"
_TREE_MODE = b"40000"


def tree_name(name: bytes) -> bytes:
    """A directory's name as Git accepts it in a tree, even under ``fsck --strict``.

    Anything that Git could take for ``.git``, ``.gitmodules`` and their like on some filesystem begins with ``.g``
    or is a short name of NTFS (``GIT~1``, ``gi7eba~1``, ``~1000000``) once non-ASCII bytes are escaped; escaping the
    first byte of those is enough.
    """
    escaped = escape_name(name)
    lower = escaped[:8].lower()
    if lower.startswith(b".g") or (lower.startswith((b"g", b"~")) and b"~" in lower):
        return b"%%%02X" % escaped[0] + escaped[1:]
    return escaped


@record
class Directory:
    """A directory being read or made.

    Attributes:
        itself: text form of the directory's own entry.
        files: text form of everything in it but directories, by raw name.
        dirs: tree ids of subdirectories, by raw name.
        hardlinks: the blob of the snapshot's hard-link groups; in the root only.
    """

    itself: bytes
    files: dict[bytes, bytes] = field(default_factory=dict)
    dirs: dict[bytes, ObjectId] = field(default_factory=dict)
    hardlinks: ObjectId | None = None


@frozen
class Rows:
    """What a directory's tree says, without its listing.

    Attributes:
        dirs: tree ids of subdirectories, by raw name.
        entries: the blob of the listing.
        hardlinks: the blob of the snapshot's hard-link groups; in the root only.
    """

    dirs: dict[bytes, ObjectId]
    entries: ObjectId
    hardlinks: ObjectId | None


def load_rows(objects: ObjectStore, oid: ObjectId) -> Rows:
    """Reads a directory's tree and not its listing.

    Raises:
        Damaged: the object is missing or malformed.
    """
    dirs: dict[bytes, ObjectId] = {}
    blobs: dict[bytes, ObjectId] = {}
    for name, child in parse_tree(objects.read(oid)):
        if name in (ENTRIES, HARDLINKS):
            blobs[name] = child
        else:
            dirs[unescape(name) if b"%" in name else name] = child
    if ENTRIES not in blobs:
        raise Damaged(f"snapshot tree {oid.hex()} has no listing")
    return Rows(dirs, blobs[ENTRIES], blobs.get(HARDLINKS))


def load(objects: ObjectStore, oid: ObjectId) -> Directory:
    """Reads a directory.

    Raises:
        Damaged: an object is missing or malformed.
    """
    rows = load_rows(objects, oid)
    directory = Directory(b"", dirs=rows.dirs, hardlinks=rows.hardlinks)
    _parse_entries(objects.read(rows.entries), directory)
    return directory


def save(objects: ObjectStore, directory: Directory) -> ObjectId:
    """Writes a directory; equal directories get equal ids."""
    lines = [b". " + directory.itself]
    lines += [escape_name(name) + b" " + text for name, text in sorted(directory.files.items())]
    rows = [(ENTRIES, _BLOB_MODE, objects.write_blob(b"\n".join(lines) + b"\n"))]
    if directory.hardlinks is not None:
        rows.append((HARDLINKS, _BLOB_MODE, directory.hardlinks))
    rows += [(tree_name(name), _TREE_MODE, child) for name, child in directory.dirs.items()]
    rows.sort(key=lambda row: row[0] + b"/" if row[1] is _TREE_MODE else row[0])
    return objects.write_tree(b"".join(b"%s %s\0%s" % (mode, name, child) for name, mode, child in rows))


def parse_tree(data: bytes) -> list[tuple[bytes, ObjectId]]:
    """Names and ids in a Git tree."""
    rows = []
    position = 0
    while position < len(data):
        end = data.index(b"\0", position)
        _, _, name = data[position:end].partition(b" ")
        position = end + 21
        rows.append((name, ObjectId(data[end + 1 : position])))
    return rows


def _parse_entries(data: bytes, directory: Directory) -> None:
    files = directory.files
    for line in data.split(b"\n"):
        name, _, text = line.partition(b" ")
        if name == b".":
            directory.itself = text
        elif name:
            files[unescape(name) if b"%" in name else name] = text
    if not directory.itself:
        raise Damaged("a snapshot listing lacks the line of its directory")
