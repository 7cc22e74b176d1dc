"""What two listings of the oracle say has changed, worked out without layerctl."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from layerctl.model.change import Aspect, Change
from tests import oracle
from tests.oracle import Listing, Node

#: What status and diff show: kind and path (the root is ``b""``).
Shown = frozenset[tuple[str, bytes]]


def changed(old: Listing, new: Listing) -> Shown:
    """Paths whose entries differ; directories that differ in their mtime alone left out, hard links not looked at."""
    found = set()
    for path in old.nodes.keys() | new.nodes.keys():
        kind = _kind(old.nodes.get(path), new.nodes.get(path))
        if kind is not None:
            found.add((kind, b"" if path == b"." else path))
    return frozenset(found)


def _kind(old: Node | None, new: Node | None) -> str | None:
    if old is None or new is None:
        return "A" if old is None else "D"
    if old.kind != new.kind:
        return "T"
    if old.kind == "dir":
        old = replace(old, mtime_ns=new.mtime_ns)
    return "M" if old != new else None


def shown(changes: tuple[Change, ...]) -> Shown:
    """The same, as layerctl lists it."""
    return frozenset(
        (change.kind.value, change.path) for change in changes if not change.is_noise and not is_relink(change)
    )


def is_relink(change: Change) -> bool:
    """Whether only the hard-link group of a path differs."""
    return change.what == (Aspect.LINK,)


def assert_changes(old: Listing, new: Listing, changes: tuple[Change, ...]) -> None:
    """Fails unless ``changes`` is what differs between two listings."""
    expected, found = changed(old, new), shown(changes)
    assert found == expected, f"missing {sorted(expected - found)}, unexpected {sorted(found - expected)}"
    relinked = {change.path for change in changes if is_relink(change)}
    before, after = _groups(old), _groups(new)
    assert relinked <= {path for path in new.nodes if before.get(path) != after.get(path)}
    assert bool(relinked) or _explained(before, after, {path for _, path in found}), "a change of hard links is hidden"
    assert [change.path for change in changes] == sorted(change.path for change in changes)


def _explained(
    before: Mapping[bytes, frozenset[bytes]], after: Mapping[bytes, frozenset[bytes]], moved: set[bytes]
) -> bool:
    """Whether groups differ at most by paths that are listed anyway."""
    return all(
        before.get(path, {path}) - moved == after.get(path, {path}) - moved
        for path in (before.keys() | after.keys()) - moved
    )


def _groups(tree: Listing) -> dict[bytes, frozenset[bytes]]:
    return {path: group for group in tree.links for path in group}


def listing(root: Path) -> Listing:
    """What the oracle says, and ``trusted.*`` attributes, which it leaves out, as a process in the rootfs sees them."""
    tree = oracle.listing(root)
    return Listing({path: _with_trusted(root, path, node) for path, node in tree.nodes.items()}, tree.links)


def _with_trusted(root: Path, path: bytes, node: Node) -> Node:
    place = os.path.join(os.fsencode(root), path)
    keys = sorted(key for key in os.listxattr(place, follow_symlinks=False) if key.startswith("trusted."))
    if not keys:
        return node
    values = tuple((key, os.getxattr(place, key, follow_symlinks=False)) for key in keys)
    return replace(node, xattrs=node.xattrs + values)
