"""A layer's directory against what it must hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Damaged, UnsafeWriteLayer
from layerctl.layer.content import EMPTY_DIGEST, digest_fd
from layerctl.layer.scan import DigestSource, LayerScanner
from layerctl.model.change import Aspect, Change
from layerctl.model.delta import Delta
from layerctl.model.entry import Kind
from layerctl.model.ids import Digest
from layerctl.model.listing import format_entry, parse_entry
from layerctl.values import frozen, record

if TYPE_CHECKING:
    from layerctl.layer.xattrs import XattrNamespace
    from layerctl.model.scan import RootPath, Scan, ScanDir

_DIR = b"type=dir "
_WORDS = {
    Aspect.CONTENT: "content",
    Aspect.MODE: "mode",
    Aspect.OWNER: "owner",
    Aspect.MTIME: "mtime",
    Aspect.XATTR: "extended attributes",
}


@frozen
class Finding:
    """One path of a layer that is not as it must be.

    Attributes:
        kind: as in :class:`layerctl.model.problem.Problem`.
        path: relative to the layer's directory.
        text: what is wrong.
    """

    kind: str
    path: RootPath
    text: str


@record
class Tree:
    """What a directory holds, path by path.

    Attributes:
        entries: text form by path; None is a whiteout.
        links: hard-link groups.
        opaque: directories that hide what is below them.
        unreadable: what could not be read, and why.
    """

    entries: dict[RootPath, bytes | None]
    links: tuple[tuple[RootPath, ...], ...]
    opaque: list[RootPath]
    unreadable: dict[RootPath, str]


class TreeReader:
    """Reads layer directories; remembers the digests of files that have several names.

    Args:
        namespace: where overlay marks are.
        quick: leave contents unread: a file has the digest that it should have.
        digests: digests by device and inode number, shared between readings.
    """

    def __init__(self, namespace: XattrNamespace, *, quick: bool, digests: dict[tuple[int, int], bytes]) -> None:
        self._namespace = namespace
        self._quick = quick
        self._digests = digests
        #: bytes of content read so far.
        self.bytes_read = 0

    def read(self, fs: Path, expected: Delta | None = None) -> Tree:
        """Lists a directory.

        Raises:
            OSError: the directory itself cannot be opened.
        """
        unreadable: dict[RootPath, str] = {}

        def note(path: RootPath, error: OSError | UnsafeWriteLayer) -> None:
            unreadable[path] = (error.strerror or "error") if isinstance(error, OSError) else error.message

        known = self._expected(expected) if self._quick else self._remembered
        scanner = LayerScanner(self._namespace, known=known, unreadable=note)
        fd = os.open(fs, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return _flatten(scanner.scan(fd), unreadable)
        except UnsafeWriteLayer as exc:
            return Tree({}, (), [], {b"": exc.message})
        finally:
            os.close(fd)

    def _remembered(self, path: RootPath, status: os.stat_result, fd: int) -> Digest | None:
        if status.st_nlink == 1:
            self.bytes_read += status.st_size
            return None
        inode = (status.st_dev, status.st_ino)
        if inode not in self._digests:
            self._digests[inode] = digest_fd(fd, status.st_size)[0]
            self.bytes_read += status.st_size
        return Digest(self._digests[inode])

    def _expected(self, expected: Delta | None) -> DigestSource:
        entries = expected.entries if expected is not None else {}

        def digest(path: RootPath, status: os.stat_result, fd: int) -> Digest | None:
            text = entries.get(path)
            return (parse_entry(text).digest if text else None) or EMPTY_DIGEST

        return digest


def as_delta(tree: Tree) -> Delta:
    """What a directory holds, as a layer of its own right."""
    return Delta(tree.entries, tree.links)


def _flatten(scan: Scan, unreadable: dict[RootPath, str]) -> Tree:
    tree = Tree({}, scan.links, [], unreadable)
    stack: list[tuple[RootPath, ScanDir]] = [(b"", scan.root)]
    while stack:
        path, directory = stack.pop()
        if directory.entry is not None:
            tree.entries[path] = format_entry(directory.entry)
        if directory.opaque:
            tree.opaque.append(path)
        prefix = path + b"/" if path else b""
        for name, entry in directory.files.items():
            tree.entries[prefix + name] = format_entry(entry)
        for name in directory.whiteouts:
            tree.entries[prefix + name] = None
        stack += [(prefix + name, child) for name, child in directory.dirs.items()]
    return tree


def differences(tree: Tree, delta: Delta) -> list[Finding]:
    """What of a directory is not as a layer says, sorted by path."""
    found = [Finding("unreadable-file", path, f"cannot be read: {why}") for path, why in tree.unreadable.items()]
    found += [Finding("opaque-mark", path, "hides what lies below it") for path in tree.opaque]
    missing = {path for path in delta.entries.keys() - tree.entries.keys() if not _below(path, tree.unreadable)}
    extra = tree.entries.keys() - delta.entries.keys()
    found += _missing(missing, extra, tree, delta)
    found += [Finding("extra-file", path, "does not belong here") for path in _topmost(extra)]
    found += _changed(tree, delta)
    found += _links(tree, delta)
    return sorted(found, key=lambda item: (item.path, item.kind))


def bad_paths(tree: Tree, delta: Delta) -> set[RootPath]:
    """Every single path of a directory that is not as a layer says."""
    missing = delta.entries.keys() - tree.entries.keys()
    extra = tree.entries.keys() - delta.entries.keys()
    return missing | extra | {found.path for found in differences(tree, delta)}


def _below(path: RootPath, tops: dict[RootPath, str]) -> bool:
    while path:
        if path in tops:
            return True
        path = path.rpartition(b"/")[0]
    return b"" in tops


def _topmost(paths: set[RootPath]) -> list[RootPath]:
    return [path for path in paths if path.rpartition(b"/")[0] not in paths or not path]


def _missing(missing: set[RootPath], extra: set[RootPath], tree: Tree, delta: Delta) -> Iterator[Finding]:
    others = {_content(tree.entries[path]): path for path in sorted(extra)}
    below = _counts_below(missing)
    for path in _topmost(missing):
        text = "is missing"
        if below[path]:
            text += f", with {below[path]} path{'s'[: below[path] != 1]} below it"
        elsewhere = others.get(_content(delta.entries[path])) if delta.entries[path] is not None else None
        if elsewhere is not None:
            text += f"; its content is at {os.fsdecode(elsewhere)}"
        yield Finding("missing-file", path, text)


def _counts_below(paths: set[RootPath]) -> dict[RootPath, int]:
    counts = dict.fromkeys(paths, 0)
    for path in paths:
        parent = path.rpartition(b"/")[0]
        while parent in counts and parent != path:
            counts[parent] += 1
            path, parent = parent, parent.rpartition(b"/")[0]
    return counts


def _content(text: bytes | None) -> bytes | None:
    """What makes a renamed file known again: everything that is not its name."""
    return text if text is not None and b" digest=" in text else None


def _changed(tree: Tree, delta: Delta) -> Iterator[Finding]:
    for path, wanted in delta.entries.items():
        if path not in tree.entries:
            continue
        actual = tree.entries[path]
        if actual != wanted:
            yield Finding("changed-file", path, _say(path, wanted, actual))


def _say(path: RootPath, wanted: bytes | None, actual: bytes | None) -> str:
    if wanted is None or actual is None:
        return "should be a deletion mark" if wanted is None else "is a deletion mark"
    try:
        old, new = parse_entry(wanted), parse_entry(actual)
    except Damaged:
        return "differs"
    change = Change(path, old, new)
    if Aspect.TYPE in change.what:
        return f"should be of type {old.kind.value}, and is {new.kind.value}"
    words = [_WORDS[aspect] for aspect in change.what if aspect in _WORDS]
    size = f" ({new.size} bytes instead of {old.size})" if old.kind is Kind.FILE and old.size != new.size else ""
    plural = len(words) > 1 or words == [_WORDS[Aspect.XATTR]]
    return f"{', '.join(words) or 'metadata'} differ{'' if plural else 's'}{size}"


def _links(tree: Tree, delta: Delta) -> Iterator[Finding]:
    """Hard links that are missing or too many, among paths that are all there."""
    wanted, actual = _groups(delta.links), _groups(tree.links)
    for path in sorted(wanted.keys() | actual.keys()):
        here = wanted.get(path, (path,))
        there = actual.get(path, (path,))
        both = {other for other in (*here, *there) if other in tree.entries and other in delta.entries}
        if path not in both or path != min(both):
            continue
        if both & set(here) != both & set(there):
            names = ", ".join(os.fsdecode(other) for other in here if other != path) or "no other path"
            yield Finding("wrong-links", path, f"should be one file with {names}")


def _groups(links: tuple[tuple[RootPath, ...], ...]) -> dict[RootPath, tuple[RootPath, ...]]:
    return {path: group for group in links for path in group}
