"""Room for recursion as deep as a directory tree can be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_DEEP = 100_000


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Lets Python functions call themselves once per directory level.

    Since Python 3.11 such calls use no C stack, so the limit protects nothing here.
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEEP))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
