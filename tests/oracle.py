"""The independent fidelity oracle: what a rootfs says about itself, and how two of them differ.

It shares no code with layerctl, so that it cannot share its mistakes. A tree is walked by directory descriptors (paths
may be longer than PATH_MAX) and nothing but a regular file is ever opened (a fifo blocks for ever).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}
_DIR_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NOATIME | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Node:
    """One path: everything but its hardlink group. ``kind`` is "unreadable" where readdir names what lstat denies."""

    kind: str
    mode: int = 0
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime_ns: int = 0
    target: bytes = b""
    rdev: tuple[int, int] = (0, 0)
    xattrs: tuple[tuple[str, bytes], ...] = ()
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A whole tree: nodes by path relative to the root (the root is ``b"."``), and the hardlink groups in it."""

    nodes: Mapping[bytes, Node]
    links: frozenset[frozenset[bytes]]

    def select(self, keep: Callable[[bytes], bool]) -> Listing:
        """The part of the tree whose paths ``keep`` accepts."""
        groups = (frozenset(path for path in group if keep(path)) for group in self.links)
        return Listing(
            {path: node for path, node in self.nodes.items() if keep(path)},
            frozenset(group for group in groups if len(group) > 1),
        )


def listing(root: Path | str | bytes) -> Listing:
    """Lists the tree below (and including) the directory ``root``."""
    nodes: dict[bytes, Node] = {}
    inodes: dict[tuple[int, int], set[bytes]] = {}
    top = os.open(root, _DIR_FLAGS)
    nodes[b"."] = _node(top, b".", os.fstat(top))
    stack = [(top, b"", iter(_names(top)))]
    while stack:
        parent, prefix, names = stack[-1]
        name = next(names, None)
        if name is None:
            os.close(parent)
            stack.pop()
            continue
        path = prefix + name
        try:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            nodes[path] = Node("unreadable")
            continue
        nodes[path] = _node(parent, name, status)
        if stat.S_ISDIR(status.st_mode):
            child = os.open(name, _DIR_FLAGS, dir_fd=parent)
            stack.append((child, path + b"/", iter(_names(child))))
        else:
            inodes.setdefault((status.st_dev, status.st_ino), set()).add(path)
    return Listing(nodes, frozenset(frozenset(paths) for paths in inodes.values() if len(paths) > 1))


def compare(expected: Listing, actual: Listing, *, ignore: Iterable[str] = ()) -> list[str]:
    """Differences between two trees, one readable line each; empty when they are equal.

    ``ignore`` names fields of :class:`Node` that the other side cannot carry (``mtime_ns`` through docker, say), or
    ``links``.
    """
    skip = set(ignore)
    lines = []
    for path in sorted(expected.nodes.keys() | actual.nodes.keys()):
        old, new = expected.nodes.get(path), actual.nodes.get(path)
        if old is None:
            lines.append(f"{path!r}: unexpected {new.kind if new else ''}")
        elif new is None:
            lines.append(f"{path!r}: missing {old.kind}")
        else:
            lines += _node_differences(path, old, new, skip)
    if "links" not in skip:
        lines += [f"hardlink group missing: {sorted(group)!r}" for group in expected.links - actual.links]
        lines += [f"hardlink group unexpected: {sorted(group)!r}" for group in actual.links - expected.links]
    return lines


def assert_same(expected: Path | Listing, actual: Path | Listing, *, ignore: Iterable[str] = ()) -> None:
    """Fails with the first differences between two trees (paths or listings)."""
    before = expected if isinstance(expected, Listing) else listing(expected)
    after = actual if isinstance(actual, Listing) else listing(actual)
    differences = compare(before, after, ignore=ignore)
    assert not differences, f"{len(differences)} differences:\n" + "\n".join(differences[:40])


def _node_differences(path: bytes, old: Node, new: Node, skip: set[str]) -> list[str]:
    return [
        f"{path!r}: {field.name} {getattr(old, field.name)!r} != {getattr(new, field.name)!r}"
        for field in fields(Node)
        if field.name not in skip and getattr(old, field.name) != getattr(new, field.name)
    ]


def _names(directory: int) -> list[bytes]:
    return sorted(os.fsencode(name) for name in os.listdir(directory))


def _node(parent: int, name: bytes, status: os.stat_result) -> Node:
    kind = _KINDS[stat.S_IFMT(status.st_mode)]
    is_device = kind in ("char", "block")
    return Node(
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        size=status.st_size if kind == "file" else 0,
        mtime_ns=status.st_mtime_ns,
        target=os.readlink(name, dir_fd=parent) if kind == "symlink" else b"",
        rdev=(os.major(status.st_rdev), os.minor(status.st_rdev)) if is_device else (0, 0),
        xattrs=_xattrs(parent, name),
        sha256=_sha256(parent, name) if kind == "file" else "",
    )


def _xattrs(parent: int, name: bytes) -> tuple[tuple[str, bytes], ...]:
    path = b"/proc/self/fd/%d/%s" % (parent, name)
    keys = sorted(key for key in os.listxattr(path, follow_symlinks=False) if _counts(key))
    return tuple((key, os.getxattr(path, key, follow_symlinks=False)) for key in keys)


def _counts(key: str) -> bool:
    return key.startswith(("user.", "security.", "system.posix_acl_")) and key != "security.selinux"


def _sha256(parent: int, name: bytes) -> str:
    fd = os.open(name, _FILE_FLAGS, dir_fd=parent)
    with open(fd, "rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
