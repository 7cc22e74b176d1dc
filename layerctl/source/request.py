"""What somebody who imports something asks for, apart from the source itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.layer.xattrs import XattrNamespace
    from layerctl.model.imports import ImportLimits
    from layerctl.model.progress import Progress
    from layerctl.source.platforms import Platform


@frozen
class Request:
    """The circumstances of one import; see :func:`layerctl.source.open.open_source` for what they mean."""

    staging: Path
    limits: ImportLimits
    progress: Progress
    stdin: BinaryIO | None
    namespace: XattrNamespace
    platform: Platform | None
    exclude: frozenset[tuple[int, int]]
