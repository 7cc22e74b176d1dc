"""What need not be read of a write layer to say what differs from a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.model.entry import Kind
from layerctl.model.ids import Digest
from layerctl.model.listing import parse_entry
from layerctl.ops.view import read_write_layer
from layerctl.snapshot.directory import Directory, load
from layerctl.snapshot.uncommitted import uncommitted

if TYPE_CHECKING:
    import os

    from layerctl.model.change import Change
    from layerctl.model.ids import ObjectId
    from layerctl.model.scan import RootPath
    from layerctl.ops.context import Context
    from layerctl.snapshot.objects import ObjectStore

#: In place of the digest of a file that was not read.
_UNREAD = Digest(b"this file's content was not read")


def changes_since(context: Context, snapshot: ObjectId) -> tuple[Change, ...]:
    """What differs in the rootfs from a commit's snapshot; files that need not be read have no digest.

    Something must be checked out.
    """
    git, commits = context.store.git, context.store.commits
    record, scan = read_write_layer(context, tolerant=True, known=Unread(git, snapshot))
    assert record.base is not None
    base = commits.outline(record.base).snapshot
    return uncommitted(git, snapshot, base, scan)


class Unread:
    """Spares reading a regular file that differs from a commit whatever is in it: it is new there, or of another size.

    A ``layerctl.layer.scan.DigestSource``. What has several names is read: one of them may be new and another not.

    Args:
        objects: where the snapshot is.
        snapshot: the commit's.
    """

    def __init__(self, objects: ObjectStore, snapshot: ObjectId) -> None:
        self._objects = objects
        self._snapshot = snapshot
        self._last: tuple[RootPath | None, dict[bytes, bytes]] = (None, {})

    def __call__(self, path: RootPath, status: os.stat_result) -> Digest | None:
        """A digest that no file has, where the file's own does not matter."""
        if status.st_nlink > 1:
            return None
        folder, _, name = path.rpartition(b"/")
        text = self._files(folder).get(name)
        if text is None:
            return _UNREAD
        before = parse_entry(text)
        return None if before.kind is Kind.FILE and before.size == status.st_size else _UNREAD

    def _files(self, folder: RootPath) -> dict[bytes, bytes]:
        """The commit's files in a directory, which a scan asks for one after the other."""
        if self._last[0] != folder:
            here: Directory | None = load(self._objects, self._snapshot)
            for name in folder.split(b"/") if folder else ():
                child = here.dirs.get(name) if here is not None else None
                here = load(self._objects, child) if child is not None else None
            self._last = (folder, here.files if here is not None else {})
        return self._last[1]
