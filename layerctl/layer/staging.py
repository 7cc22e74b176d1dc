"""A fresh directory that a layer is put into, entry by entry, together with the listing of what is there.

Nobody else writes there, so the listing *is* the truth about the directory: a name is looked up in it, a symlink among
the parents is resolved in it, as ``RESOLVE_IN_ROOT`` of openat2(2) would, and only then is the parent opened, component
by component, without following anything. Owner, mode and attributes of directories come last of all, because a default
ACL or a setgid bit would be inherited by what is made inside.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING

from layerctl.layer.dircursor import DirCursor, DirPath
from layerctl.layer.foreign_xattrs import as_written, rewritten_by_kernel
from layerctl.layer.linkgroups import LinkGroups
from layerctl.layer.metadata import apply_metadata, apply_root_metadata, make_node, path_in
from layerctl.layer.resolve import Spot, resolve
from layerctl.layer.scantree import walk_up
from layerctl.model.ids import Digest
from layerctl.model.scan import RootPath, Scan, ScanDir

if TYPE_CHECKING:
    from layerctl.layer.xattrs import XattrNamespace
    from layerctl.model.entry import Entry

#: Writes a file's content into an open, empty file; gives its digest and size.
Fill = Callable[[int], tuple[Digest, int]]

_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_IMPLIED_MODE = 0o755
#: What every file system can hold (ext4's oldest inodes are the narrowest); beyond, it may clamp.
_SURE_TIMES = range(-(1 << 31) * 1_000_000_000, (1 << 31) * 1_000_000_000)


class Staging:
    """See the module. Use it in a ``with`` block: it holds descriptors."""

    def __init__(
        self, root_fd: int, namespace: XattrNamespace, on_implied: Callable[[RootPath], None] | None = None
    ) -> None:
        """Starts with an empty directory.

        Args:
            root_fd: the directory; stays open.
            namespace: how attributes are spelled on disk.
            on_implied: called with the path of each directory that another path implies, before it is made.
        """
        os.fchmod(root_fd, 0o700)
        self._root_fd = root_fd
        self._namespace = namespace
        self._on_implied = on_implied
        self._root = Spot(ScanDir(None), ())
        self._cursor = DirCursor(root_fd)
        self._links = LinkGroups()
        self._last: tuple[DirPath, Spot] = ((), self._root)
        self._owner: tuple[int, int] | None = None  # of what is made here, once that is known

    def __enter__(self) -> Staging:
        return self

    def __exit__(self, *_: object) -> None:
        self._cursor.forget()

    def parent(self, parts: DirPath) -> Spot:
        """The directory that an entry belongs into; missing ones are made.

        Args:
            parts: the entry's path, at least one component.

        Raises:
            BadArchive: a parent is no directory, or a symlink to something that this layer does not have.
        """
        wanted = parts[:-1]
        last, spot = self._last
        if wanted == last:
            return spot
        if wanted and wanted[:-1] == last and wanted[-1] in spot.directory.dirs:
            spot = spot.child(wanted[-1])
        else:
            spot = resolve(self._root, wanted, self._imply)
        self._last = (wanted, spot)
        return spot

    def add_dir(self, parts: DirPath, entry: Entry) -> None:
        """Adds a directory, or describes one that is there.

        Raises:
            BadArchive: see :meth:`parent`.
        """
        if not parts:
            self._root.directory.entry = entry
            return
        spot, name = self.parent(parts), parts[-1]
        if name not in spot.directory.dirs:
            self._clear(spot, name)
            self._make_dir(spot, name)
        spot.directory.dirs[name].entry = entry

    def add_file(self, parts: DirPath, entry: Entry, fill: Fill) -> None:
        """Adds a regular file.

        Args:
            parts: its path.
            entry: its metadata; size and digest come from ``fill``.
            fill: writes the content.

        Raises:
            BadArchive: see :meth:`parent`.
        """
        spot, name = self.parent(parts), parts[-1]
        self._clear(spot, name)
        fd = os.open(name, _NEW_FILE, 0o600, dir_fd=self._cursor.at(spot.path))
        try:
            entry = entry.with_content(*fill(fd))
            apply_root_metadata(fd, entry, self._namespace, owner=self._owner_of(fd))
            spot.directory.files[name] = self._settled(fd, entry)
        finally:
            os.close(fd)

    def add_node(self, parts: DirPath, entry: Entry) -> None:
        """Adds a symlink, device node, fifo or socket.

        Raises:
            BadArchive: see :meth:`parent`.
        """
        spot, name = self.parent(parts), parts[-1]
        self._clear(spot, name)
        dir_fd = self._cursor.at(spot.path)
        make_node(dir_fd, name, entry)
        apply_metadata(dir_fd, name, entry, self._namespace, owner=self._owner)
        spot.directory.files[name] = self._settled(path_in(dir_fd, name), entry)

    def has_file(self, parts: DirPath) -> bool:
        """Whether there is something, not a directory, that a hard link could be made to.

        Raises:
            BadArchive: see :meth:`parent`.
        """
        return bool(parts) and parts[-1] in self.parent(parts).directory.files

    def add_link(self, parts: DirPath, target: DirPath) -> None:
        """Adds another name for something that is no directory.

        Args:
            parts: the new name's path.
            target: the path of a name that is there.

        Raises:
            BadArchive: see :meth:`parent`.
        """
        old, new = self.parent(target), self.parent(parts)
        old_path, new_path = old.path_of(target[-1]), new.path_of(parts[-1])
        if self._links.together(old_path, new_path):
            return
        self._clear(new, parts[-1])
        source = os.dup(self._cursor.at(old.path))
        try:
            target_fd = self._cursor.at(new.path)
            os.link(target[-1], parts[-1], src_dir_fd=source, dst_dir_fd=target_fd, follow_symlinks=False)
        finally:
            os.close(source)
        new.directory.files[parts[-1]] = old.directory.files[target[-1]]
        self._links.join(old_path, new_path)

    def finish(self) -> Scan:
        """Gives all directories their metadata, children first, and returns the listing.

        A name that is both deleted and there is simply there: a deletion aims at lower layers alone (OCI image-spec,
        "Whiteouts"); for a directory that means that nothing below shows through.
        """
        for path, directory in walk_up(self._root.directory):
            for name, child in directory.dirs.items():
                self._finish_dir(self._cursor.at(path), name, child)
                child.opaque = child.opaque or name in directory.whiteouts
            directory.whiteouts -= directory.dirs.keys() | directory.files.keys()
        self._finish_root()
        return Scan(self._root.directory, self._links.groups())

    def _finish_dir(self, dir_fd: int, name: bytes, directory: ScanDir) -> None:
        if directory.entry is None:
            os.chmod(name, _IMPLIED_MODE, dir_fd=dir_fd)
            return
        apply_metadata(dir_fd, name, directory.entry, self._namespace, owner=self._owner)
        directory.entry = self._settled(path_in(dir_fd, name), directory.entry)

    def _finish_root(self) -> None:
        root = self._root.directory
        if root.entry is None:
            os.fchmod(self._root_fd, _IMPLIED_MODE)
            return
        apply_root_metadata(self._root_fd, root.entry, self._namespace)
        root.entry = self._settled(self._root_fd, root.entry)

    def _owner_of(self, fd: int) -> tuple[int, int]:
        """Whose a file is that was just made: as all that is made here, for directories get owner and mode last."""
        if self._owner is None:
            status = os.fstat(fd)
            self._owner = (status.st_uid, status.st_gid)
        return self._owner

    def _settled(self, target: int | bytes, entry: Entry) -> Entry:
        """The entry as the disk has it, where that can differ from what was asked for."""
        if entry.mtime_ns in _SURE_TIMES and not (entry.xattrs and rewritten_by_kernel(entry)):
            return entry
        status = os.fstat(target) if isinstance(target, int) else os.lstat(target)
        return entry._replace(
            mode=stat.S_IMODE(status.st_mode),
            mtime_ns=status.st_mtime_ns,
            xattrs=as_written(target, entry, self._namespace),
        )

    def _imply(self, spot: Spot, name: bytes) -> None:
        if self._on_implied is not None:
            self._on_implied(spot.path_of(name))
        self._make_dir(spot, name)

    def _make_dir(self, spot: Spot, name: bytes) -> None:
        os.mkdir(name, 0o700, dir_fd=self._cursor.at(spot.path))
        spot.directory.dirs[name] = ScanDir(None)

    def _clear(self, spot: Spot, name: bytes) -> None:
        """Makes room for a new entry: in an archive, the last one of a name counts."""
        directory = spot.directory
        if name in directory.files:
            os.unlink(name, dir_fd=self._cursor.at(spot.path))
            self._links.drop(spot.path_of(name))
            del directory.files[name]
        elif name in directory.dirs:
            self._remove_tree(spot.child(name))
            os.rmdir(name, dir_fd=self._cursor.at(spot.path))
            del directory.dirs[name]
        else:
            return
        self._last = ((), self._root)

    def _remove_tree(self, top: Spot) -> None:
        for path, directory in walk_up(top.directory, top.path):
            dir_fd = self._cursor.at(path)
            for name in directory.files:
                os.unlink(name, dir_fd=dir_fd)
                self._links.drop(b"/".join((*path, name)))
            for name in directory.dirs:
                os.rmdir(name, dir_fd=dir_fd)
        self._cursor.forget()
