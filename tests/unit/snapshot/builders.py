"""Short ways to say entries and scans."""

from __future__ import annotations

from layerctl.layer.content import digest_bytes
from layerctl.model.entry import Entry, Kind
from layerctl.model.scan import Scan, ScanDir

DIR = Entry(Kind.DIR, 0o755, 0, 0, 0)


def file(content: bytes = b"x", **fields: int) -> Entry:
    return Entry(Kind.FILE, 0o644, 0, 0, 0, len(content), digest_bytes(content))._replace(**fields)


def tree(*links: tuple[bytes, ...], **children: Entry | ScanDir) -> Scan:
    """A scan of a root with these children; ``_`` in a keyword stands for nothing else than itself."""
    return Scan(folder(**children), tuple(sorted(links)))


def folder(
    entry: Entry | None = DIR, *, opaque: bool = False, whiteouts: set[bytes] | None = None, **children: Entry | ScanDir
) -> ScanDir:
    result = ScanDir(entry, opaque=opaque, whiteouts=whiteouts or set())
    for name, child in children.items():
        if isinstance(child, ScanDir):
            result.dirs[name.encode()] = child
        else:
            result.files[name.encode()] = child
    return result
