"""A layer's directory against what it must hold."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Damaged, UnsafeWriteLayer
from layerctl.layer.content import EMPTY_DIGEST
from layerctl.layer.scan import DigestSource, LayerScanner
from layerctl.model.change import Aspect, Change
from layerctl.model.entry import Entry, Kind
from layerctl.model.listing import format_entry, parse_entry
from layerctl.model.scan import RootPath, Scan, ScanDir, listed
from layerctl.values import field, frozen, record

if TYPE_CHECKING:
    from layerctl.layer.xattrs import XattrNamespace
    from layerctl.model.delta import LayerListing
    from layerctl.model.ids import Digest

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


class Tree:
    """What a directory holds. A ``model.delta.LayerListing``.

    Args:
        scan: its listing; None if there is none.
        unreadable: what could not be read, and why.
    """

    def __init__(self, scan: Scan | None, unreadable: dict[RootPath, str]) -> None:
        self._scan = scan
        self.unreadable = unreadable

    @property
    def links(self) -> tuple[tuple[RootPath, ...], ...]:
        """Hard-link groups."""
        return self._scan.links if self._scan is not None else ()

    @cached_property
    def entries(self) -> dict[RootPath, bytes | None]:
        """Text form by path; None is a whiteout."""
        return dict(self.sorted())

    @property
    def opaque(self) -> list[RootPath]:
        """Directories that hide what is below them."""
        return [path for path, item in self._listed() if isinstance(item, ScanDir) and item.opaque]

    def __len__(self) -> int:
        return sum(1 for _ in self._listed())

    def sorted(self) -> Iterator[tuple[RootPath, bytes | None]]:
        """What is in :attr:`entries`, by raw path bytes, without all of it in memory."""
        for path, item in self._listed():
            entry = item.entry if isinstance(item, ScanDir) else item
            yield path, format_entry(entry) if entry is not None else None

    def _listed(self) -> Iterator[tuple[RootPath, ScanDir | Entry | None]]:
        return listed(self._scan.root) if self._scan is not None else iter(())


class TreeReader:
    """Reads layer directories; remembers the digests of files that have several names.

    Args:
        namespace: where overlay marks are.
        quick: leave contents unread: a file has the digest that it should have.
        digests: digests by device and inode number, shared between readings.
    """

    def __init__(self, namespace: XattrNamespace, *, quick: bool, digests: dict[tuple[int, int], Digest]) -> None:
        self._namespace = namespace
        self._quick = quick
        self._digests = digests
        #: bytes of content read so far.
        self.bytes_read = 0

    def read(self, fs: Path, expected: LayerListing | None = None) -> Tree:
        """Lists a directory.

        Raises:
            OSError: the directory itself cannot be opened.
        """
        unreadable: dict[RootPath, str] = {}

        def note(path: RootPath, error: OSError | UnsafeWriteLayer) -> None:
            unreadable[path] = (error.strerror or "error") if isinstance(error, OSError) else error.message

        known = self._expected(expected) if self._quick else self._counted
        scanner = LayerScanner(self._namespace, known=known, digests=self._digests, unreadable=note)
        fd = os.open(fs, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return Tree(scanner.scan(fd), unreadable)
        except UnsafeWriteLayer as exc:
            return Tree(None, {b"": exc.message})
        finally:
            os.close(fd)

    def _counted(self, path: RootPath, status: os.stat_result) -> None:
        """Counts what is read: a file with several names once."""
        if (status.st_dev, status.st_ino) not in self._digests:
            self.bytes_read += status.st_size

    def _expected(self, expected: LayerListing | None) -> DigestSource:
        entries = dict(expected.sorted()) if expected is not None else {}

        def digest(path: RootPath, status: os.stat_result) -> Digest | None:
            text = entries.get(path)
            return (parse_entry(text).digest if text else None) or EMPTY_DIGEST

        return digest


def differences(tree: Tree, delta: LayerListing) -> list[Finding]:
    """What of a directory is not as a layer says, sorted by path."""
    return _findings(tree, delta, _side_by_side(tree, delta))


def bad_paths(tree: Tree, delta: LayerListing) -> set[RootPath]:
    """Every single path of a directory that is not as a layer says."""
    sides = _side_by_side(tree, delta)
    return sides.missing.keys() | sides.extra.keys() | {found.path for found in _findings(tree, delta, sides)}


@record
class _Sides:
    """A directory beside what it must hold.

    Attributes:
        missing: what the directory lacks, text form by path.
        extra: what does not belong there.
        changed: what both have, but not the same.
        linked: paths with hard links that both have.
    """

    missing: dict[RootPath, bytes | None] = field(default_factory=dict)
    extra: dict[RootPath, bytes | None] = field(default_factory=dict)
    changed: list[Finding] = field(default_factory=list)
    linked: set[RootPath] = field(default_factory=set)


def _side_by_side(tree: Tree, delta: LayerListing) -> _Sides:
    sides = _Sides()
    links = {path for group in (*tree.links, *delta.links) for path in group}
    found = tree.sorted()
    here = next(found, None)
    for path, wanted in delta.sorted():
        while here is not None and here[0] < path:
            sides.extra[here[0]] = here[1]
            here = next(found, None)
        if here is None or here[0] != path:
            sides.missing[path] = wanted
            continue
        if here[1] != wanted:
            sides.changed.append(Finding("changed-file", path, _say(path, wanted, here[1])))
        if path in links:
            sides.linked.add(path)
        here = next(found, None)
    if here is not None:
        sides.extra.update((here, *found))
    return sides


def _findings(tree: Tree, delta: LayerListing, sides: _Sides) -> list[Finding]:
    found = [Finding("unreadable-file", path, f"cannot be read: {why}") for path, why in tree.unreadable.items()]
    found += [Finding("opaque-mark", path, "hides what lies below it") for path in tree.opaque]
    found += _missing(sides, tree.unreadable)
    found += [Finding("extra-file", path, "does not belong here") for path in _topmost(sides.extra.keys())]
    found += sides.changed
    found += _links(tree, delta, sides.linked)
    return sorted(found, key=lambda item: (item.path, item.kind))


def _below(path: RootPath, tops: dict[RootPath, str]) -> bool:
    while path:
        if path in tops:
            return True
        path = path.rpartition(b"/")[0]
    return b"" in tops


def _topmost(paths: Collection[RootPath]) -> list[RootPath]:
    return [path for path in paths if path.rpartition(b"/")[0] not in paths or not path]


def _missing(sides: _Sides, unreadable: dict[RootPath, str]) -> Iterator[Finding]:
    others = {_content(text): path for path, text in sides.extra.items()}
    missing = {path for path in sides.missing if not _below(path, unreadable)}
    below = _counts_below(missing)
    for path in _topmost(missing):
        text = "is missing"
        if below[path]:
            text += f", with {below[path]} path{'s'[: below[path] != 1]} below it"
        wanted = sides.missing[path]
        elsewhere = others.get(_content(wanted)) if wanted is not None else None
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


def _links(tree: Tree, delta: LayerListing, linked: set[RootPath]) -> Iterator[Finding]:
    """Hard links that are missing or too many, among paths that are all there."""
    wanted, actual = _groups(delta.links), _groups(tree.links)
    for path in sorted(linked):
        here = wanted.get(path, (path,))
        there = actual.get(path, (path,))
        both = linked.intersection((*here, *there))
        if path != min(both):
            continue
        if both & set(here) != both & set(there):
            names = ", ".join(os.fsdecode(other) for other in here if other != path) or "no other path"
            yield Finding("wrong-links", path, f"should be one file with {names}")


def _groups(links: tuple[tuple[RootPath, ...], ...]) -> dict[RootPath, tuple[RootPath, ...]]:
    return {path: group for group in links for path in group}
