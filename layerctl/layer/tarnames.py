"""What names mean in an image layer's archive: additions, whiteouts, opaque marks.

Source: OCI image-spec, ``layer.md``, "Whiteouts"; names that start with ``.wh..wh.`` are aufs's own and ignored, as
containerd does.
"""

from __future__ import annotations

import os
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from layerctl.errors import BadArchive

if TYPE_CHECKING:
    from layerctl.layer.dircursor import DirPath

_WHITEOUT = b".wh."
_META = b".wh..wh."
_OPAQUE = b".wh..wh..opq"
_NOTHING = (b".wh.", b".wh..", b".wh...")


class Meaning(Enum):
    """What an archive's entry stands for."""

    ADDITION = "addition"
    WHITEOUT = "whiteout"
    OPAQUE = "opaque"
    NOTHING = "nothing"


class LayerName(NamedTuple):
    """An entry's name, understood.

    Attributes:
        meaning: what it stands for.
        parts: the path that it is about: of the addition, of the deleted name, or of the name in an opaque directory.
    """

    meaning: Meaning
    parts: DirPath


def understand(parts: DirPath) -> LayerName:
    """Tells additions from marks.

    Raises:
        BadArchive: a whiteout that names nothing, or something below a whiteout.
    """
    if _WHITEOUT not in b"/".join(parts) or not any(part.startswith(_WHITEOUT) for part in parts):
        return LayerName(Meaning.ADDITION, parts)
    if any(part.startswith(_META) for part in parts):
        is_mark = parts[-1] == _OPAQUE and not any(part.startswith(_WHITEOUT) for part in parts[:-1])
        return LayerName(Meaning.OPAQUE if is_mark else Meaning.NOTHING, parts)
    _refuse_nothing(parts)
    if any(part.startswith(_WHITEOUT) for part in parts[:-1]):
        raise BadArchive(f"the archive's entry {os.fsdecode(b'/'.join(parts))!r} is below a whiteout")
    return LayerName(Meaning.WHITEOUT, (*parts[:-1], parts[-1].removeprefix(_WHITEOUT)))


def take_plainly(parts: DirPath) -> LayerName:
    """The reading for an archive of a root filesystem, in which a name is a name.

    Raises:
        BadArchive: a whiteout that names nothing: no rootfs has that, somebody plays tricks.
    """
    _refuse_nothing(parts)
    return LayerName(Meaning.ADDITION, parts)


def _refuse_nothing(parts: DirPath) -> None:
    if parts and parts[-1] in _NOTHING:
        raise BadArchive(f"the archive's entry {os.fsdecode(b'/'.join(parts))!r} is no whiteout of anything")
