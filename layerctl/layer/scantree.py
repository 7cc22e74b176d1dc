"""Going through a scan's directories without recursion, however deep they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layerctl.layer.dircursor import DirPath
    from layerctl.model.scan import ScanDir


def walk_up(top: ScanDir, path: DirPath = ()) -> Iterator[tuple[DirPath, ScanDir]]:
    """Every directory with its path, children before their parent, ``top`` last.

    Args:
        top: where to start.
        path: the path of ``top``.
    """
    stack = [(path, top, iter(top.dirs.items()))]
    while stack:
        here, directory, children = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            yield here, directory
        else:
            name, node = child
            stack.append(((*here, name), node, iter(node.dirs.items())))
