"""Looks files up, as a program in a container does: ``python lookups.py ROOTFS PATHS``; prints seconds a call as JSON.

PATHS is a file of relative paths that exist. The rootfs should be mounted anew, so that the kernel has to ask the
filesystem and not its cache; both are measured.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

_SAMPLE = 3_000


def main(rootfs: str, listing: str) -> None:
    """Prints what a call costs."""
    os.chdir(rootfs)
    with open(listing, "rb") as file:
        paths = file.read().split(b"\0")[:-1]
    paths = paths[:: max(1, len(paths) // _SAMPLE)]
    missing = [path + b".missing" for path in paths]
    costs = {
        "stat of a path, first": _seconds(os.lstat, paths),
        "stat of a path, again": _seconds(os.lstat, paths),
        "stat of a missing path, first": _seconds(os.path.lexists, missing),
    }
    print(json.dumps(costs))


def _seconds(look: Callable[[bytes], object], paths: list[bytes]) -> float:
    """Per path."""
    start = time.perf_counter()
    for path in paths:
        look(path)
    return (time.perf_counter() - start) / len(paths)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
