"""Checking a ``Scan`` against the tree that it is said to describe, which the oracle lists, not layerctl."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from blake3 import blake3

from layerctl.model.entry import Entry
from layerctl.model.scan import Scan, ScanDir
from tests.oracle import Listing, Node, listing

_KINDS = {"link": "symlink"}


def assert_describes(scan: Scan, root: Path) -> Listing:
    """Fails unless the scan says exactly what is on disk; deletion marks are not on disk, and not looked at."""
    tree = listing(root)
    entries = dict(walk(scan.root))
    assert {path or b"." for path in entries} == set(tree.nodes)
    for path, entry in entries.items():
        node = tree.nodes[path or b"."]
        if entry is None:
            assert node.kind == "dir", path
        else:
            assert _as_node(entry) == _without_sum(node), path
        if entry is not None and entry.digest is not None:
            assert entry.digest == _blake3(root, path), path
    assert frozenset(map(frozenset, scan.links)) == tree.links
    assert list(scan.links) == sorted(tuple(sorted(group)) for group in scan.links)
    return tree


def walk(directory: ScanDir, prefix: bytes = b"") -> Iterator[tuple[bytes, Entry | None]]:
    """Every path of a scan, the root as ``b""``."""
    yield prefix, directory.entry
    for name, entry in directory.files.items():
        yield (prefix + b"/" + name if prefix else name), entry
    for name, child in directory.dirs.items():
        yield from walk(child, prefix + b"/" + name if prefix else name)


def _as_node(entry: Entry) -> Node:
    kind = entry.kind.value
    return Node(
        _KINDS.get(kind, kind),
        entry.mode,
        entry.uid,
        entry.gid,
        entry.size,
        entry.mtime_ns,
        entry.target or b"",
        entry.rdev or (0, 0),
        tuple((os.fsdecode(name), value) for name, value in entry.xattrs if not name.startswith(b"trusted.")),
    )


def _without_sum(node: Node) -> Node:
    return Node(node.kind, node.mode, node.uid, node.gid, node.size, node.mtime_ns, node.target, node.rdev, node.xattrs)


def _blake3(root: Path, path: bytes) -> bytes:
    parent = os.open(root, os.O_RDONLY)
    for name in path.split(b"/")[:-1]:
        child = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=parent)
        os.close(parent)
        parent = child
    with open(os.open(path.split(b"/")[-1], os.O_RDONLY | os.O_NOFOLLOW, dir_fd=parent), "rb") as file:
        os.close(parent)
        return blake3(file.read()).digest()
