"""What an import source yields: images as a row of layers, ready to become commits."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.config import ImageConfig
    from layerctl.model.scan import Scan


@frozen
class ImportLimits:
    """Bounds on what an archive may unpack to; each one configurable as ``import.<name>``.

    Attributes:
        max_bytes: content, names and attributes of one image, uncompressed bytes.
        max_entries: entries of one image.
        max_depth: path components of one entry.
        max_path: bytes of one path.
        max_name: bytes of one component of a path; the kernel takes no more than 255.
        max_layers: layers of one image.
        max_ratio: uncompressed bytes per compressed byte, once an archive is over 16 MiB.
    """

    max_bytes: int = 256 << 30
    max_entries: int = 20_000_000
    max_depth: int = 1_000
    max_path: int = 65_536
    max_name: int = 255
    max_layers: int = 500
    max_ratio: int = 2_000


@frozen
class ImportedLayer:
    """One unpacked layer, in a staging directory that the importer owns.

    Attributes:
        fs: the unpacked tree. Plain files; whiteouts are *not* on disk but in ``scan``.
        scan: its listing, whiteouts and opaque directories included.
        created: when the layer was made, if the source says so.
        message: the history entry that made it ("created_by", comment), if any.
        author: the history entry's author, if any.
        diff_id: ``sha256:…`` of the uncompressed archive, if it came from one.
    """

    fs: Path
    scan: Scan
    created: datetime | None = None
    message: str | None = None
    author: str | None = None
    diff_id: str | None = None


@frozen
class ImportedImage:
    """A whole image: its layers, base first, and its config.

    Attributes:
        layers: at least one.
        config: as found, or :meth:`ImageConfig.empty`.
        tags: names that the source gives the image, such as ``app:1.0``; may be empty.
        label: what was imported, a few words for the default commit message.
    """

    layers: tuple[ImportedLayer, ...]
    config: ImageConfig
    tags: tuple[str, ...]
    label: str
