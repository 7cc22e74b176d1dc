"""Writing a layer as an OCI layer: one uncompressed tar stream, the same bytes for the same layer.

Source: OCI image-spec, ``layer.md``: a deletion is an empty file ``.wh.NAME``, ahead of its siblings; sparse files are
written in full. A directory's own members follow it at once, whatever else sorts between: GNU tar gives a directory its
time back as soon as it meets something outside of it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from blake3 import blake3

from layerctl.errors import CannotExport, Damaged
from layerctl.layer.bytereader import CHUNK
from layerctl.layer.handles import DirHandles, split
from layerctl.layer.tarencode import member_head, padding
from layerctl.layer.tarheader import ZERO_BLOCK
from layerctl.model.entry import Entry, Kind
from layerctl.model.listing import parse_entry
from layerctl.model.progress import Progress, silent
from layerctl.model.scan import RootPath
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.delta import Delta

_WHITEOUT = b".wh."
_MARK = Entry(Kind.FILE, 0o600, 0, 0, 0)
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class Writable(Protocol):
    """What an archive is written to: any binary file that takes all it is given."""

    def write(self, data: bytes, /) -> object:
        """Takes all of the bytes."""


@frozen
class WrittenLayer:
    """A layer as an archive.

    Attributes:
        diff_id: ``sha256:`` and the SHA-256 of the uncompressed archive, as an image config names the layer.
        size: bytes of the archive.
    """

    diff_id: str
    size: int


def write_layer(
    delta: Delta,
    root_fd: int,
    target: Writable,
    *,
    shows_below: Callable[[RootPath], bool],
    on_socket: Callable[[RootPath], None],
    progress: Progress = silent,
) -> WrittenLayer:
    """Writes a layer's archive.

    Names and links are looked at before the first byte is written.

    Args:
        delta: what the layer holds.
        root_fd: the layer's directory, which provides content; everything else is in ``delta``.
        target: where to.
        shows_below: whether the layers below have something at a path. Asked for sockets alone, in whose place that
            would show again: it gets a whiteout.
        on_socket: told of each socket, which a tar archive cannot hold and which is left out.
        progress: told of entries written.

    Raises:
        CannotExport: a name begins with ``.wh.``, which means a deletion in an OCI layer.
        Damaged: the directory does not hold what ``delta`` says.
    """
    members = sorted(_members(delta, shows_below, on_socket), key=_place)
    hashed = _Hashed(target)
    links = _Links(delta)
    with DirHandles(root_fd) as handles:
        for done, (path, text) in enumerate(members):
            if done % 256 == 0:
                progress("writing layer", done, len(members))
            _write(hashed, handles, path, text, links)
    hashed.write(2 * ZERO_BLOCK)
    return WrittenLayer(f"sha256:{hashed.digest.hexdigest()}", hashed.size)


Member = tuple[RootPath, bytes | None]


def _members(
    delta: Delta, shows_below: Callable[[RootPath], bool], on_socket: Callable[[RootPath], None]
) -> Iterator[Member]:
    for path, text in delta.sorted():
        if any(name.startswith(_WHITEOUT) for name in path.split(b"/")):
            raise CannotExport(f"/{os.fsdecode(path)} cannot be in an OCI layer: there, '.wh.' means a deletion")
        if text is None or not text.startswith(b"type=socket "):
            yield path, text
            continue
        on_socket(path)
        if shows_below(path):
            yield path, None


def _place(member: Member) -> tuple[tuple[bool, bytes], ...]:
    """Where a member stands: below its directory, whiteouts first."""
    path, text = member
    if not path:
        return ()
    *parents, name = path.split(b"/")
    return (*((True, parent) for parent in parents), (text is not None, name))


class _Links:
    """Which member of a hard-link group comes first; the others are links to it, none to another link."""

    def __init__(self, delta: Delta) -> None:
        self._group = {path: number for number, group in enumerate(delta.links) for path in group}
        self._first: dict[int, RootPath] = {}

    def target(self, path: RootPath) -> RootPath | None:
        """The path to link to; None for what is to be written itself."""
        group = self._group.get(path)
        if group is None:
            return None
        first = self._first.setdefault(group, path)
        return first if first != path else None


class _Hashed:
    """Passes bytes on, and counts and digests them."""

    def __init__(self, target: Writable) -> None:
        self._target = target
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._target.write(data)
        self.digest.update(data)
        self.size += len(data)


def _write(target: _Hashed, handles: DirHandles, path: RootPath, text: bytes | None, links: _Links) -> None:
    parent, name = split(path)
    if text is None:
        target.write(member_head(parent + b"/" + _WHITEOUT + name if parent else _WHITEOUT + name, _MARK))
        return
    entry = parse_entry(text)
    link = links.target(path)
    if entry.kind is Kind.DIR:
        target.write(member_head((path or b".") + b"/", entry))
        return
    target.write(member_head(path, entry, link))
    if entry.kind is Kind.FILE and link is None:
        _write_content(target, handles.get(parent), name, path, entry)


def _write_content(target: _Hashed, dir_fd: int, name: bytes, path: RootPath, entry: Entry) -> None:
    digest, left = blake3(), entry.size
    for data in _content(dir_fd, name, path):
        left -= len(data)
        if left < 0:
            break
        digest.update(data)
        target.write(data)
    if left or digest.digest() != entry.digest:
        raise Damaged(f"the layer's /{os.fsdecode(path)} is not what its commit says")
    target.write(padding(entry.size))


def _content(dir_fd: int, name: bytes, path: RootPath) -> Iterator[bytes]:
    try:
        fd = os.open(name, _OPEN_FILE, dir_fd=dir_fd)
    except OSError as exc:
        raise Damaged(f"the layer's /{os.fsdecode(path)} cannot be read: {exc.strerror}") from exc
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise Damaged(f"the layer's /{os.fsdecode(path)} is not a regular file")
        while data := os.read(fd, CHUNK):
            yield data
    finally:
        os.close(fd)
