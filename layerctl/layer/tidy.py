"""Bringing a directory that nobody else knows into the form that layers have in the store, without moving content.

A worktree's write layer is never treated so: until its operation has happened, it must stay as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from layerctl.layer.handles import DirHandles, split
from layerctl.layer.metadata import (
    apply_metadata,
    apply_root_metadata,
    make_bare_node,
    make_whiteout,
    set_mtime,
)
from layerctl.model.entry import Kind
from layerctl.model.listing import parse_entry
from layerctl.model.recursion import deep_recursion

if TYPE_CHECKING:
    from layerctl.layer.build import Placer
    from layerctl.layer.xattrs import XattrNamespace
    from layerctl.model.delta import Delta
    from layerctl.model.scan import RootPath, Scan, ScanDir

_NEW = b"new"


def is_exact(scan: Scan, delta: Delta) -> bool:
    """Whether a write layer holds exactly what a layer shall hold, and no opaque marks."""
    with deep_recursion():
        found = dict(_flatten(scan.root, b"", True))
    marked = any(directory is not None and directory.opaque for directory in found.values())
    return not marked and found.keys() == delta.entries.keys()


def tidy(
    root_fd: int,
    scan: Scan,
    delta: Delta,
    place: Placer,
    namespace: XattrNamespace,
    scratch_fd: int,
    *,
    marks_on_disk: bool = True,
) -> None:
    """Makes a directory hold exactly what ``delta`` says.

    Args:
        root_fd: the directory; nobody else may be writing to it.
        scan: what it holds.
        delta: what it shall hold; equal in effect over the parent.
        place: provides what only the layers below have (members of a hard-link group that changed).
        namespace: where the overlay marks are.
        scratch_fd: a private directory of the same filesystem; what is added is made there and appears whole.
        marks_on_disk: False if whiteouts and opaque directories are in ``scan`` alone, as after unpacking an archive.
    """
    with deep_recursion(), DirHandles(root_fd) as handles:
        found = dict(_flatten(scan.root, b"", marks_on_disk))
        touched: set[RootPath] = set()
        _add(handles, found, delta, place, namespace, scratch_fd, touched)
        if marks_on_disk:
            _unmark(handles, found, namespace)
        _drop(handles, found, delta, touched)
        _settle(handles, root_fd, found, delta, touched, namespace)


def _flatten(directory: ScanDir, path: RootPath, whiteouts: bool) -> Iterator[tuple[RootPath, ScanDir | None]]:
    """Every physical path, parents first; directories with their scan."""
    yield path, directory
    prefix = path + b"/" if path else b""
    for name in (*directory.whiteouts, *directory.files) if whiteouts else directory.files:
        yield prefix + name, None
    for name, child in directory.dirs.items():
        yield from _flatten(child, prefix + name, whiteouts)


def _add(
    handles: DirHandles,
    found: dict[RootPath, ScanDir | None],
    delta: Delta,
    place: Placer,
    namespace: XattrNamespace,
    scratch_fd: int,
    touched: set[RootPath],
) -> None:
    first = {path: group[0] for group in delta.links for path in group}
    for path in sorted(delta.entries.keys() - found.keys()):
        parent, name = split(path)
        dir_fd = handles.get(parent)
        text = delta.entries[path]
        touched.add(parent)
        if text is None:
            make_whiteout(dir_fd, name)
            continue
        entry = parse_entry(text)
        leader = first.get(path, path)
        if leader != path:
            _relink(handles, leader, path)
            continue
        if entry.kind is Kind.DIR:
            make_bare_node(scratch_fd, _NEW, entry)
            apply_metadata(scratch_fd, _NEW, entry, namespace)
            touched.add(path)
        else:
            place(path, entry, scratch_fd, _NEW)
        os.rename(_NEW, name, src_dir_fd=scratch_fd, dst_dir_fd=dir_fd)


def _relink(handles: DirHandles, source: RootPath, target: RootPath) -> None:
    source_parent, source_name = split(source)
    target_parent, target_name = split(target)
    with_source = os.dup(handles.get(source_parent))
    try:
        dir_fd = handles.get(target_parent)
        os.link(source_name, target_name, src_dir_fd=with_source, dst_dir_fd=dir_fd, follow_symlinks=False)
    finally:
        os.close(with_source)


def _unmark(handles: DirHandles, found: dict[RootPath, ScanDir | None], namespace: XattrNamespace) -> None:
    for path, directory in found.items():
        if directory is not None and directory.opaque:
            os.removexattr(handles.get(path), namespace.mark(b"opaque"))


def _drop(handles: DirHandles, found: dict[RootPath, ScanDir | None], delta: Delta, touched: set[RootPath]) -> None:
    for path in sorted(found.keys() - delta.entries.keys(), reverse=True):
        parent, name = split(path)
        dir_fd = handles.get(parent)
        touched.add(parent)
        if found[path] is None:
            os.unlink(name, dir_fd=dir_fd)
        else:
            handles.forget(path)
            os.rmdir(name, dir_fd=dir_fd)


def _settle(
    handles: DirHandles,
    root_fd: int,
    found: dict[RootPath, ScanDir | None],
    delta: Delta,
    touched: set[RootPath],
    namespace: XattrNamespace,
) -> None:
    """Gives implied directories their metadata and disturbed ones their time back, children first."""
    implied = {path for path, directory in found.items() if directory is not None and directory.entry is None}
    for path in sorted((touched | implied) & delta.entries.keys(), reverse=True):
        text = delta.entries[path]
        if text is None:
            continue
        entry = parse_entry(text)
        if path in implied:
            fd = handles.get(path)
            apply_root_metadata(fd, entry, namespace)
        elif path:
            parent, name = split(path)
            set_mtime(handles.get(parent), name, entry.mtime_ns)
        else:
            os.utime(root_fd, ns=(entry.mtime_ns, entry.mtime_ns))
