"""Bringing a directory that nobody else knows into the form that layers have in the store, without moving content.

A worktree's write layer is never treated so: until its operation has happened, it must stay as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING

from layerctl.layer.handles import DirHandles, split
from layerctl.layer.metadata import (
    apply_metadata,
    apply_root_metadata,
    make_bare_node,
    make_whiteout,
    set_mtime,
)
from layerctl.model.entry import Entry, Kind
from layerctl.model.listing import parse_entry
from layerctl.model.scan import RootPath, ScanDir, listed
from layerctl.values import field, record

if TYPE_CHECKING:
    from layerctl.layer.build import Placer
    from layerctl.layer.xattrs import XattrNamespace
    from layerctl.model.delta import LayerListing
    from layerctl.model.scan import Scan

_NEW = b"new"


def is_exact(scan: Scan, delta: LayerListing) -> bool:
    """Whether a write layer holds exactly what a layer shall hold, and no opaque marks."""
    for found, wanted in zip_longest(listed(scan.root), delta.sorted()):
        if found is None or wanted is None or found[0] != wanted[0]:
            return False
        if isinstance(found[1], ScanDir) and found[1].opaque:
            return False
    return True


def tidy(
    root_fd: int,
    scan: Scan,
    delta: LayerListing,
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
        delta: what it shall hold; equal in effect over the parent. Its entries are read once.
        place: provides what only the layers below have (members of a hard-link group that changed).
        namespace: where the overlay marks are.
        scratch_fd: a private directory of the same filesystem; what is added is made there and appears whole.
        marks_on_disk: False if whiteouts and opaque directories are in ``scan`` alone, as after unpacking an archive.
    """
    on_disk = (found for found in listed(scan.root) if marks_on_disk or found[1] is not None)
    plan = _plan(on_disk, delta.sorted())
    with DirHandles(root_fd) as handles:
        touched: set[RootPath] = set()
        _add(handles, plan, delta, place, namespace, scratch_fd, touched)
        if marks_on_disk:
            for path in plan.opaque:
                os.removexattr(handles.get(path), namespace.mark(b"opaque"))
        _drop(handles, plan, touched)
        _settle(handles, root_fd, plan, touched, namespace)


@record
class _Plan:
    """How what a directory holds differs from what it shall hold.

    Attributes:
        missing: what it lacks, sorted by path; None is a whiteout.
        extra: what it has too much, sorted, and whether that is a directory.
        opaque: directories marked so.
        implied: directories that have no metadata yet.
        dirs: text form of every directory that shall be there.
    """

    missing: dict[RootPath, bytes | None] = field(default_factory=dict)
    extra: list[tuple[RootPath, bool]] = field(default_factory=list)
    opaque: list[RootPath] = field(default_factory=list)
    implied: set[RootPath] = field(default_factory=set)
    dirs: dict[RootPath, bytes] = field(default_factory=dict)


_Found = tuple[RootPath, ScanDir | Entry | None]


def _plan(found: Iterator[_Found], wanted: Iterator[tuple[RootPath, bytes | None]]) -> _Plan:
    plan = _Plan()
    here = next(found, None)
    for path, text in wanted:
        if text is not None and text.startswith(b"type=dir "):
            plan.dirs[path] = text
        while here is not None and here[0] < path:
            _note(plan, here, extra=True)
            here = next(found, None)
        if here is not None and here[0] == path:
            _note(plan, here, extra=False)
            here = next(found, None)
        else:
            plan.missing[path] = text
    while here is not None:
        _note(plan, here, extra=True)
        here = next(found, None)
    return plan


def _note(plan: _Plan, found: _Found, *, extra: bool) -> None:
    path, item = found
    if extra:
        plan.extra.append((path, isinstance(item, ScanDir)))
    if not isinstance(item, ScanDir):
        return
    if item.opaque:
        plan.opaque.append(path)
    if item.entry is None:
        plan.implied.add(path)


def _add(
    handles: DirHandles,
    plan: _Plan,
    delta: LayerListing,
    place: Placer,
    namespace: XattrNamespace,
    scratch_fd: int,
    touched: set[RootPath],
) -> None:
    first = {path: group[0] for group in delta.links for path in group}
    for path, text in plan.missing.items():
        parent, name = split(path)
        dir_fd = handles.get(parent)
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


def _drop(handles: DirHandles, plan: _Plan, touched: set[RootPath]) -> None:
    for path, is_dir in reversed(plan.extra):
        parent, name = split(path)
        dir_fd = handles.get(parent)
        touched.add(parent)
        if not is_dir:
            os.unlink(name, dir_fd=dir_fd)
        else:
            handles.forget(path)
            os.rmdir(name, dir_fd=dir_fd)


def _settle(handles: DirHandles, root_fd: int, plan: _Plan, touched: set[RootPath], namespace: XattrNamespace) -> None:
    """Gives implied directories their metadata and disturbed ones their time back, children first."""
    for path in sorted((touched | plan.implied) & plan.dirs.keys(), reverse=True):
        entry = parse_entry(plan.dirs[path])
        if path in plan.implied:
            apply_root_metadata(handles.get(path), entry, namespace)
        elif path:
            parent, name = split(path)
            set_mtime(handles.get(parent), name, entry.mtime_ns)
        else:
            os.utime(root_fd, ns=(entry.mtime_ns, entry.mtime_ns))
