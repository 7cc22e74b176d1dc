"""Unpacking one tar archive into a layer's staging directory, in one pass.

Whatever an archive says, nothing outside the staging directory is read, written or linked to: CVE-2018-15664,
CVE-2021-29136, CVE-2021-32760 and CVE-2025-47290 are what happens otherwise. See :mod:`layerctl.layer.staging`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from layerctl.errors import BadArchive
from layerctl.layer.content import copy_content, digest_fd
from layerctl.layer.failure import explained
from layerctl.layer.staging import Staging
from layerctl.layer.tarcontent import write_content
from layerctl.layer.tarnames import LayerName, Meaning, take_plainly, understand
from layerctl.layer.tarstream import TarStream
from layerctl.model.entry import Entry, Kind
from layerctl.model.scan import RootPath, Scan

if TYPE_CHECKING:
    from layerctl.layer.budget import Budget
    from layerctl.layer.bytereader import Readable
    from layerctl.layer.dircursor import DirPath
    from layerctl.layer.tarmember import Member
    from layerctl.layer.xattrs import XattrNamespace
    from layerctl.model.entry import Xattrs
    from layerctl.model.ids import Digest

#: Finds a path in the layers below: an open descriptor of a regular file's content (else -1), which the caller closes,
#: and the entry; None if there is nothing of that name, or a directory.
ResolveLower = Callable[[RootPath], tuple[int, Entry] | None]


def unpack(
    source: Readable,
    root_fd: int,
    *,
    namespace: XattrNamespace,
    budget: Budget,
    whiteouts: bool,
    resolve_lower: ResolveLower | None = None,
) -> Scan:
    """Unpacks an archive, to the stream's very end.

    Args:
        source: the uncompressed archive.
        root_fd: a fresh empty directory; after an error it holds what was unpacked until then.
        namespace: how attributes are spelled on disk.
        budget: what may still be unpacked.
        whiteouts: the archive is an OCI or docker layer: ``.wh.`` names are deletions, which go into the listing and
            not to disk, and its digest, which the caller checks, tells a cut one. Otherwise they are names as any, and
            the archive must have an end marker, with nothing after it.
        resolve_lower: finds hard-link targets that the archive does not have.

    Returns:
        The listing of what is in the directory.

    Raises:
        BadArchive: the archive is broken, cut, or tries to leave the directory.
        LimitExceeded: it is more than the budget allows.
        NoSpace: the disk is full.
        NoPrivilege: the process may not give files the owner, type or attributes that the archive says.
    """
    with Staging(root_fd, namespace, lambda path: budget.spend(path, 0)) as staging:
        unpacker = _Unpacker(staging, TarStream(source, lenient=whiteouts), budget, resolve_lower)
        return unpacker.run(understand if whiteouts else take_plainly)


class _Unpacker:
    def __init__(self, staging: Staging, stream: TarStream, budget: Budget, resolve_lower: ResolveLower | None) -> None:
        self._staging = staging
        self._stream = stream
        self._budget = budget
        self._resolve_lower = resolve_lower

    def run(self, meaning_of: Callable[[DirPath], LayerName]) -> Scan:
        name = b"/"
        try:
            for member in self._stream:
                name = member.name
                self._budget.spend(name, max(member.stored, member.entry.size) + _attributes(member.entry.xattrs))
                self._take(member, meaning_of(self._budget.components(name)))
            return self._staging.finish()
        except OSError as exc:
            raise explained(exc, "unpack", name) from exc

    def _take(self, member: Member, name: LayerName) -> None:
        if name.meaning is Meaning.ADDITION:
            self._add(member, name.parts)
        elif name.meaning is Meaning.WHITEOUT:
            self._staging.parent(name.parts).directory.whiteouts.add(name.parts[-1])
        elif name.meaning is Meaning.OPAQUE:
            self._staging.parent(name.parts).directory.opaque = True

    def _add(self, member: Member, parts: DirPath) -> None:
        entry = member.entry
        if member.link is not None:
            self._link(parts, self._budget.components(member.link), member)
        elif entry.kind is Kind.DIR:
            self._staging.add_dir(parts, entry)
        elif not parts:
            raise BadArchive(f"the archive's entry {os.fsdecode(member.name)!r} would replace the root directory")
        elif entry.kind is Kind.FILE:
            self._staging.add_file(parts, entry, lambda fd: (write_content(self._stream, member, fd), entry.size))
        else:
            self._staging.add_node(parts, entry)

    def _link(self, parts: DirPath, target: DirPath, member: Member) -> None:
        if not parts or not target:
            raise BadArchive(f"the archive's hard link {os.fsdecode(member.name)!r} is about the root directory")
        if not self._staging.has_file(target):
            self._copy_up(target, member)
        self._staging.add_link(parts, target)

    def _copy_up(self, target: DirPath, member: Member) -> None:
        """Brings a hard link's target from a lower layer into this one: links do not reach across layers."""
        path = b"/".join(target)
        here = self._staging.parent(target).directory
        hidden = here.opaque or target[-1] in here.whiteouts or target[-1] in here.dirs
        found = self._resolve_lower(path) if self._resolve_lower is not None and not hidden else None
        if found is None:
            names = f"{os.fsdecode(member.name)!r} is a hard link to {os.fsdecode(path)!r}"
            raise BadArchive(f"the archive's entry {names}, which is not there")
        fd, entry = found
        if entry.kind is not Kind.FILE:
            self._staging.add_node(target, entry)
            return
        try:
            self._budget.spend(path, entry.size)
            self._staging.add_file(target, entry, lambda new: _copied(fd, new))
        finally:
            os.close(fd)


def _attributes(xattrs: Xattrs) -> int:
    return sum(len(name) + len(value) for name, value in xattrs) if xattrs else 0


def _copied(source: int, target: int) -> tuple[Digest, int]:
    copy_content(source, target)
    os.lseek(target, 0, os.SEEK_SET)
    return digest_fd(target, os.fstat(target).st_size)
