"""Which changes a user's path arguments mean."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layerctl.model.scan import RootPath


def is_below(path: RootPath, roots: Sequence[RootPath]) -> bool:
    """Whether a path is one of ``roots`` or lies below one; no roots means everything."""
    return not roots or any(not root or path == root or path.startswith(root + b"/") for root in roots)


def matches(path: RootPath, globs: Iterable[str]) -> bool:
    """Whether a path, or a directory that it lies in, matches a glob (``*`` crosses ``/``, as in ``.dockerignore``)."""
    names = path.split(b"/")
    prefixes = [os.fsdecode(b"/".join(names[: count + 1])) for count in range(len(names))]
    return any(fnmatch.fnmatchcase(prefix, glob.strip("/")) for glob in globs for prefix in prefixes)
