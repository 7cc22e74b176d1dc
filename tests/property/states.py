"""A rootfs as a plain dictionary: the model that snapshots are checked against. It knows nothing of trees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

from layerctl.model.delta import Delta
from layerctl.model.entry import Entry, Kind
from layerctl.model.ids import Digest, ObjectId
from layerctl.model.listing import format_entry, parse_entry
from layerctl.model.scan import Scan, ScanDir
from layerctl.snapshot.directory import Directory, save
from layerctl.snapshot.hardlinks import write_groups
from layerctl.snapshot.objects import ObjectStore

Groups = frozenset[frozenset[bytes]]


@dataclass(frozen=True)
class State:
    """A whole rootfs.

    Attributes:
        entries: by path; the root is ``b""``.
        groups: hard-link groups of two or more.
    """

    entries: Mapping[bytes, Entry]
    groups: Groups = frozenset()


def parent_of(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]


def children_of(path: bytes, paths: Mapping[bytes, object]) -> list[bytes]:
    return [other for other in paths if other and parent_of(other) == path]


def write_state(objects: ObjectStore, state: State) -> ObjectId:
    """The snapshot of a state, written directory by directory."""

    def write(path: bytes) -> Directory:
        directory = Directory(format_entry(state.entries[path]))
        for child in children_of(path, state.entries):
            name = child.rpartition(b"/")[2]
            if state.entries[child].kind is Kind.DIR:
                directory.dirs[name] = save(objects, write(child))
            else:
                directory.files[name] = format_entry(state.entries[child])
        return directory

    root = write(b"")
    root.hardlinks = write_groups(objects, (tuple(group) for group in state.groups))
    return save(objects, root)


# ---------------------------------------------------------------------------------------- what a write layer does


def overlaid(base: State, scan: Scan) -> State:
    """What overlayfs shows of a write layer over a rootfs, worked out path by path with inode numbers."""
    inodes = _inodes(base)
    shown: dict[bytes, Entry] = dict(base.entries)

    def drop(path: bytes, *, itself: bool = True) -> None:
        for other in list(shown):
            if (itself and other == path) or (other != path and _is_below(other, path)):
                del shown[other]
                inodes.pop(other, None)

    def visit(path: bytes, directory: ScanDir) -> None:
        below = shown.get(path)
        if directory.opaque or (below is not None and below.kind is not Kind.DIR):
            drop(path, itself=below is not None and below.kind is not Kind.DIR)
        assert directory.entry is not None
        shown[path] = directory.entry
        prefix = path + b"/" if path else b""
        for name in directory.whiteouts:
            drop(prefix + name)
        for name, entry in directory.files.items():
            drop(prefix + name)
            shown[prefix + name] = entry
            inodes[prefix + name] = b"upper:" + prefix + name
        for name, child in directory.dirs.items():
            visit(prefix + name, child)

    visit(b"", scan.root)
    for group in scan.links:
        inodes.update(dict.fromkeys(group, b"upper:" + group[0]))
    return State(shown, _groups(inodes))


def scan_of(delta: Delta) -> Scan:
    """A layer's content as a scan of its directory would find it."""
    root = ScanDir(None)
    for path, text in sorted(delta.entries.items()):
        here = root
        *parents, name = path.split(b"/")
        for step in parents:
            here = here.dirs[step]
        if text is None:
            here.whiteouts.add(name)
            continue
        entry = parse_entry(text)
        if not path:
            root.entry = entry
        elif entry.kind is Kind.DIR:
            here.dirs[name] = ScanDir(entry)
        else:
            here.files[name] = entry
    return Scan(root, delta.links)


def _inodes(state: State) -> dict[bytes, bytes]:
    inodes = {path: b"lower:" + path for path, entry in state.entries.items() if entry.kind is not Kind.DIR}
    for group in state.groups:
        inodes.update({path: b"lower:" + min(group) for path in group})
    return inodes


def _groups(inodes: Mapping[bytes, bytes]) -> Groups:
    found: dict[bytes, set[bytes]] = {}
    for path, inode in inodes.items():
        found.setdefault(inode, set()).add(path)
    return frozenset(frozenset(group) for group in found.values() if len(group) > 1)


def _is_below(path: bytes, top: bytes) -> bool:
    return bool(path) if not top else path.startswith(top + b"/")


# --------------------------------------------------------------------------------------------------- strategies

# Few names and few entries: states that hypothesis draws must often agree.
_NAMES = (b"a", b"a!", b"b", b".git")
_FILES = tuple(
    Entry(Kind.FILE, 0o644, 0, 0, mtime, 1, Digest(bytes([content]) * 32)) for content in (1, 2) for mtime in (0, 5)
)
_OTHERS = (Entry(Kind.SYMLINK, 0o777, 0, 0, 0, target=b"a"), Entry(Kind.FIFO, 0o600, 0, 0, 0))
_DIRS = (Entry(Kind.DIR, 0o755, 0, 0, 0), Entry(Kind.DIR, 0o755, 0, 0, 7), Entry(Kind.DIR, 0o700, 0, 0, 0))
_leaves = st.sampled_from(_FILES + _OTHERS)
_dirs = st.sampled_from(_DIRS)


@st.composite
def states(draw: st.DrawFn) -> State:
    """Any small rootfs with hard links."""
    entries: dict[bytes, Entry] = {b"": draw(_dirs)}
    _fill(draw, b"", 0, entries)
    return State(entries, frozenset(frozenset(group) for group in _draw_links(draw, entries)))


def _fill(draw: st.DrawFn, path: bytes, depth: int, entries: dict[bytes, Entry]) -> None:
    for name in draw(st.sets(st.sampled_from(_NAMES))):
        below = path + b"/" + name if path else name
        if depth < 3 and draw(st.booleans()):
            entries[below] = draw(_dirs)
            _fill(draw, below, depth + 1, entries)
        else:
            entries[below] = draw(_leaves)


def _draw_links(draw: st.DrawFn, entries: Mapping[bytes, Entry]) -> list[tuple[bytes, ...]]:
    by_inode: dict[tuple[Entry, int], list[bytes]] = {}
    for path, entry in sorted(entries.items()):
        if entry.kind is not Kind.DIR:
            by_inode.setdefault((entry, draw(st.integers(0, 2))), []).append(path)
    return sorted(tuple(group) for group in by_inode.values() if len(group) > 1)


@st.composite
def scans(draw: st.DrawFn) -> Scan:
    """Any small write layer: whiteouts, opaque directories, copy-ups that change nothing, marks that hide nothing."""
    root = _draw_dir(draw, 0)
    entries = dict(_walk(b"", root))
    return Scan(root, tuple(_draw_links(draw, entries)))


def _draw_dir(draw: st.DrawFn, depth: int) -> ScanDir:
    directory = ScanDir(draw(_dirs), opaque=depth > 0 and draw(st.booleans()))
    for name in draw(st.sets(st.sampled_from(_NAMES))):
        what = draw(st.sampled_from(["file", "whiteout", "dir"]))
        if what == "whiteout":
            directory.whiteouts.add(name)
        elif what == "dir" and depth < 3:
            directory.dirs[name] = _draw_dir(draw, depth + 1)
        else:
            directory.files[name] = draw(_leaves)
    return directory


def _walk(path: bytes, directory: ScanDir) -> Iterator[tuple[bytes, Entry]]:
    prefix = path + b"/" if path else b""
    for name, entry in directory.files.items():
        yield prefix + name, entry
    for name, child in directory.dirs.items():
        yield from _walk(prefix + name, child)
