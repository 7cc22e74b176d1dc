"""What an image's layers may still unpack to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from layerctl.errors import BadArchive, LimitExceeded
from layerctl.values import record

if TYPE_CHECKING:
    from layerctl.model.imports import ImportLimits

_MAX_NAME = 255
_WHITEOUT = b".wh."  # in front of the longest name it makes one that no directory holds, and none has to


@record
class Budget:
    """The limits of one image and how much of them is used up; its layers share one.

    Attributes:
        limits: the bounds.
        entries: entries so far.
        content: bytes of content, names and attributes so far; a sparse file counts with its holes.
    """

    limits: ImportLimits
    entries: int = 0
    content: int = 0

    def spend(self, name: bytes, size: int) -> None:
        """Takes one entry and its content into account, before anything of it is written.

        Raises:
            LimitExceeded: that was one too many.
        """
        self.entries += 1
        self.content += size + len(name)
        if self.entries > self.limits.max_entries:
            raise LimitExceeded(f"the archive has more than {self.limits.max_entries} entries")
        if self.content > self.limits.max_bytes:
            raise LimitExceeded(
                f"the archive unpacks to more than {self.limits.max_bytes} bytes, at {os.fsdecode(name)!r}"
            )

    def components(self, name: bytes) -> tuple[bytes, ...]:
        """The components of an archive's path, which stays below the root; none for the root itself.

        Leading slashes and ``.`` are dropped, as tar does.

        Raises:
            BadArchive: it leads out of the root, or is no path.
            LimitExceeded: it is too long or too deep.
        """
        parts = tuple([part for part in name.split(b"/") if part not in (b"", b".")])
        if b".." in parts:
            raise BadArchive(f"the archive's entry {os.fsdecode(name)!r} leads out of the root")
        longest = len(name)  # of the whole path, which is rarely longer than a component may be
        if longest > min(_MAX_NAME, self.limits.max_name):
            longest = max(len(part.removeprefix(_WHITEOUT)) for part in (b"", *parts))
        if b"\0" in name or longest > _MAX_NAME:
            raise BadArchive(
                f"the archive's entry {_shortened(name)} is not a path: a name has 1 to 255 bytes, none NUL"
            )
        if longest > self.limits.max_name:
            raise LimitExceeded(
                f"the archive's entry {_shortened(name)} has a name of over {self.limits.max_name} bytes in it"
            )
        if len(parts) > self.limits.max_depth:
            raise LimitExceeded(f"the archive's entry {_shortened(name)} is over {self.limits.max_depth} levels deep")
        if len(name) > self.limits.max_path:
            raise LimitExceeded(f"the archive's entry {_shortened(name)} is over {self.limits.max_path} bytes long")
        return parts


def _shortened(name: bytes) -> str:
    text = repr(os.fsdecode(name[:100]))
    return text if len(name) <= 100 else text + "…"
