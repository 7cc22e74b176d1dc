"""Walks through a short history, in the order of ``git log``."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import count

#: Parents, and when it was recorded.
Node = tuple[Sequence[str], int]


class LongHistory(Exception):
    """There are more commits than this is meant for."""


def walk(starts: Sequence[str], hidden: Sequence[str], read: Callable[[str], Node], most: int) -> Iterator[str]:
    """Commits reachable from ``starts`` but not from ``hidden``, newest first, children before their parents.

    Args:
        starts: ids in hex.
        hidden: ids in hex.
        read: gives a commit's parents and time.
        most: how many commits may be looked at.

    Raises:
        LongHistory: there are more; nothing was given yet then.
    """
    nodes: dict[str, Node] = {}
    gone = _reachable(hidden, nodes, read, most)
    wanted = _reachable([start for start in starts if start not in gone], nodes, read, most) - gone
    children = dict.fromkeys(wanted, 0)
    for commit in wanted:
        for parent in set(nodes[commit][0]) & wanted:
            children[parent] += 1
    ticket = count()
    tips = [commit for commit in nodes if children.get(commit) == 0]
    heap = [(-nodes[commit][1], next(ticket), commit) for commit in tips]
    heapq.heapify(heap)
    while heap:
        _, _, commit = heapq.heappop(heap)
        yield commit
        for parent in set(nodes[commit][0]) & wanted:
            children[parent] -= 1
            if not children[parent]:
                heapq.heappush(heap, (-nodes[parent][1], next(ticket), parent))


def _reachable(starts: Sequence[str], nodes: dict[str, Node], read: Callable[[str], Node], most: int) -> set[str]:
    found: set[str] = set()
    queue = list(starts)
    while queue:
        commit = queue.pop()
        if commit in found:
            continue
        found.add(commit)
        if commit not in nodes:
            if len(nodes) >= most:
                raise LongHistory
            nodes[commit] = read(commit)
        queue += nodes[commit][0]
    return found
