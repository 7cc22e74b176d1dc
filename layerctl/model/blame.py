"""Who last changed what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.commit import ImageCommit
    from layerctl.model.entry import Entry
    from layerctl.model.ids import CommitId
    from layerctl.model.scan import RootPath


@frozen
class BlamedEntry:
    """An entry of a directory.

    Attributes:
        name: raw bytes.
        entry: what it is.
        commit: the last one that changed anything at or below it.
    """

    name: bytes
    entry: Entry
    commit: ImageCommit


@frozen
class BlamedLine:
    """A line of a text file.

    Attributes:
        number: from 1.
        content: with its newline, if it has one.
        commit: the one that brought it.
    """

    number: int
    content: bytes
    commit: ImageCommit


@frozen
class Blame:
    """What ``blame`` found.

    Attributes:
        commit: where it began.
        path: relative to the rootfs.
        entry: what is there.
        entries: of a directory, sorted by name; of a symlink, device, fifo or socket, that one.
        lines: of a regular file.
    """

    commit: CommitId
    path: RootPath
    entry: Entry
    entries: tuple[BlamedEntry, ...] = ()
    lines: tuple[BlamedLine, ...] = ()

    @property
    def commits(self) -> tuple[ImageCommit, ...]:
        """The commit of each entry, or of each line."""
        return (*(found.commit for found in self.entries), *(found.commit for found in self.lines))
