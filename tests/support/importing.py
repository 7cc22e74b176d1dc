"""Importing a source without a repository: straight into a staging directory."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from layerctl.layer.xattrs import XattrNamespace
from layerctl.model.imports import ImportedImage, ImportLimits
from layerctl.model.progress import silent
from layerctl.source import open_source

Import = Callable[..., ImportedImage]


def importer(top: Path) -> Import:
    """A function that imports a source into a fresh staging directory below ``top``."""
    numbers = count()

    def run(spec: str | Path, *, stdin: bytes | None = None, **options: Any) -> ImportedImage:
        staging = top / f"staging{next(numbers)}"
        staging.mkdir(mode=0o700)
        defaults = {"limits": ImportLimits(), "progress": silent, "namespace": XattrNamespace.TRUSTED}
        source = io.BytesIO(stdin) if stdin is not None else None
        return open_source(str(spec), staging=staging, stdin=source, **{**defaults, **options})

    return run
