"""Making a layer's directory from its :class:`~layerctl.model.delta.Delta`, content taken from where it is."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

from layerctl.errors import Damaged
from layerctl.layer.content import copy_content, digest_fd
from layerctl.layer.handles import DirHandles, split
from layerctl.layer.metadata import (
    apply_metadata,
    apply_root_metadata,
    make_bare_node,
    make_whiteout,
    open_regular,
    set_mtime,
)
from layerctl.model.entry import Entry, Kind
from layerctl.model.listing import parse_entry
from layerctl.model.progress import Progress, silent

if TYPE_CHECKING:
    from layerctl.layer.xattrs import XattrNamespace
    from layerctl.model.delta import Delta
    from layerctl.model.ids import Digest
    from layerctl.model.scan import RootPath

_CANNOT_LINK = {errno.EXDEV, errno.EMLINK, errno.EPERM}
_ATTEMPTS = 4


class Placer(Protocol):
    """Puts one entry that is no directory into a layer being built; how is its own affair (link or copy)."""

    def __call__(self, path: RootPath, entry: Entry, dir_fd: int, name: bytes) -> bool:
        """Makes ``name`` in ``dir_fd``; returns False if the source vanished and nothing was made."""


def build_layer(
    delta: Delta, root_fd: int, place: Placer, namespace: XattrNamespace, progress: Progress = silent
) -> None:
    """Fills an empty directory with a layer's content.

    Args:
        delta: what to make.
        root_fd: the empty directory.
        place: where files come from.
        namespace: spelling of escaped attributes.
        progress: told of entries made.
    """
    first = {path: group[0] for group in delta.links for path in group[1:]}
    total = len(delta.entries)
    directories: list[tuple[RootPath, Entry]] = []
    with DirHandles(root_fd) as handles:
        for done, (path, text) in enumerate(delta.sorted()):
            if done % 256 == 0:
                progress("building layer", done, total)
            if not path:
                continue
            if text is None:
                parent, name = split(path)
                make_whiteout(handles.get(parent), name)
            elif path in first:
                _link_within(handles, first[path], path)
            else:
                entry = parse_entry(text)
                _make(handles, path, entry, place, namespace)
                if entry.kind is Kind.DIR:
                    directories.append((path, entry))
        for path, entry in reversed(directories):
            parent, name = split(path)
            set_mtime(handles.get(parent), name, entry.mtime_ns)
    root = delta.entries.get(b"")
    if root is not None:
        apply_root_metadata(root_fd, parse_entry(root), namespace)


def _make(handles: DirHandles, path: RootPath, entry: Entry, place: Placer, namespace: XattrNamespace) -> None:
    parent, name = split(path)
    dir_fd = handles.get(parent)
    if entry.kind is Kind.DIR:
        make_bare_node(dir_fd, name, entry)
        apply_metadata(dir_fd, name, entry, namespace)
    else:
        place(path, entry, dir_fd, name)


def _link_within(handles: DirHandles, source: RootPath, target: RootPath) -> None:
    source_parent, source_name = split(source)
    target_parent, target_name = split(target)
    source_fd = os.dup(handles.get(source_parent))
    try:
        os.link(
            source_name,
            target_name,
            src_dir_fd=source_fd,
            dst_dir_fd=handles.get(target_parent),
            follow_symlinks=False,
        )
    except FileNotFoundError:  # the source vanished while a busy rootfs was copied: so did the link
        pass
    finally:
        os.close(source_fd)


class LinkPlacer:
    """Places entries by hard link to immutable inodes; copies only where a link is impossible or wrong.

    Args:
        roots: open layer directories, topmost first; the first that has a path provides it.
        namespace: spelling of escaped attributes; None if copies are made through a mount.
        below: more of them, which the layer being made will lie on. What they have is copied: an inode that is in two
            layers of one stack would show as a hard link between them.
    """

    def __init__(self, roots: Sequence[int], namespace: XattrNamespace | None, *, below: Sequence[int] = ()) -> None:
        self._stack = ExitStack()
        self._handles = [self._stack.enter_context(DirHandles(root)) for root in (*roots, *below)]
        self._linkable = len(roots)
        self._namespace = namespace

    def close(self) -> None:
        """Closes what was opened below the roots."""
        self._stack.close()

    def __call__(self, path: RootPath, entry: Entry, dir_fd: int, name: bytes) -> bool:
        """Links or copies the entry from the topmost layer that has it."""
        source_fd, source_name, linkable = self._find(path)
        if not linkable:
            copy_entry(source_fd, source_name, entry, dir_fd, name, self._namespace)
            return True
        try:
            os.link(source_name, name, src_dir_fd=source_fd, dst_dir_fd=dir_fd, follow_symlinks=False)
        except OSError as exc:
            if exc.errno not in _CANNOT_LINK:
                raise
            copy_entry(source_fd, source_name, entry, dir_fd, name, self._namespace)
        return True

    def _find(self, path: RootPath) -> tuple[int, bytes, bool]:
        parent, name = split(path)
        for index, handles in enumerate(self._handles):
            try:
                fd = handles.get(parent)
                os.stat(name, dir_fd=fd, follow_symlinks=False)
            except (FileNotFoundError, NotADirectoryError):
                continue
            return fd, name, index < self._linkable
        raise Damaged(f"no layer holds /{os.fsdecode(path)}")


class CopyPlacer:
    """Places entries by copying from a write layer that somebody may be writing to.

    A file is copied again while its size, mtime or ctime moves under the copy; after a few tries the last copy stands.

    Args:
        root_fd: the write layer.
        namespace: spelling of escaped attributes.
        fallback: asked for paths that the write layer does not hold; they lie in immutable layers.
    """

    def __init__(self, root_fd: int, namespace: XattrNamespace, fallback: Placer) -> None:
        self._handles = DirHandles(root_fd)
        self._namespace = namespace
        self._fallback = fallback
        #: digests of what was copied, by path.
        self.digests: dict[RootPath, Digest] = {}

    def close(self) -> None:
        """Closes what was opened below the root."""
        self._handles.__exit__(None, None, None)

    def __call__(self, path: RootPath, entry: Entry, dir_fd: int, name: bytes) -> bool:
        """Copies the entry from the write layer, or leaves it to the fallback."""
        parent, source_name = split(path)
        try:
            source_fd = self._handles.get(parent)
            status = os.stat(source_name, dir_fd=source_fd, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return self._place_from_below(path, entry, dir_fd, name)
        if entry.kind is Kind.FILE and not stat.S_ISREG(status.st_mode):
            return False
        try:
            digest = copy_entry(source_fd, source_name, entry, dir_fd, name, self._namespace)
        except FileNotFoundError:
            return False
        if digest is not None:
            self.digests[path] = digest
        return True

    def _place_from_below(self, path: RootPath, entry: Entry, dir_fd: int, name: bytes) -> bool:
        try:
            return self._fallback(path, entry, dir_fd, name)
        except Damaged:  # it was new in the write layer, and is gone again
            return False


def copy_entry(
    source_fd: int, source_name: bytes, entry: Entry, dir_fd: int, name: bytes, namespace: XattrNamespace | None
) -> Digest | None:
    """Copies one entry that is no directory; returns the digest of a regular file's copy.

    The copy's mtime is the source's at the moment of copying, everything else is the entry's.
    """
    if entry.kind is not Kind.FILE:
        make_bare_node(dir_fd, name, entry)
        apply_metadata(dir_fd, name, entry, namespace)
        return None
    source = open_regular(source_fd, source_name)
    try:
        make_bare_node(dir_fd, name, entry)
        target = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
        try:
            status = _copy_settled(source, target)
            os.lseek(target, 0, os.SEEK_SET)
            digest, _ = digest_fd(target, status.st_size)
        finally:
            os.close(target)
    finally:
        os.close(source)
    apply_metadata(dir_fd, name, entry._replace(mtime_ns=status.st_mtime_ns), namespace)
    return digest


def _copy_settled(source: int, target: int) -> os.stat_result:
    attempts = _ATTEMPTS
    while True:
        attempts -= 1
        before = os.fstat(source)
        copy_content(source, target)
        after = os.fstat(source)
        if not attempts or _stamp(before) == _stamp(after):
            return after
        os.ftruncate(target, 0)


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
