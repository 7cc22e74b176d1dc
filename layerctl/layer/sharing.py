"""Sharing work with a forked process: reading and hashing thousands of small files keeps one interpreter busy."""

from __future__ import annotations

import marshal
import os
import signal
import threading
from collections.abc import Callable
from typing import Any, NoReturn

from layerctl import libc
from layerctl.layer.fullwrite import write_all

_NUMBER, _SIZE = 4, 8
#: Of numbers that any pipe takes before anybody reads: one page. A user who has many pipes gets no larger ones.
MOST = (1 << 12) // _NUMBER
_PR_SET_PDEATHSIG = 1


def share(count: int, here: Callable[[int], object], there: Callable[[int], Any]) -> dict[int, Any]:
    """Does numbered pieces of work, some of them in a process that is forked for it.

    Whoever is free takes the next piece. What the helper did not finish, for whatever reason, is done here: an error
    that it met is met again. Where there are other threads, which a fork would leave behind, all is done here.

    Args:
        count: how many pieces; at most :data:`MOST`.
        here: does a piece in this process.
        there: does a piece in the helper and returns what :mod:`marshal` can write. It starts no threads and needs no
            locks; this process never sees what else it changes.

    Returns:
        The helper's results, by number.
    """
    assert count <= MOST
    if count < 2 or threading.active_count() > 1:
        for number in range(count):
            here(number)
        return {}
    results = os.memfd_create("layerctl-results", os.MFD_CLOEXEC)
    try:
        queue = _queue(count)
        try:
            done = _both(queue, results, here, there)
        finally:
            os.close(queue)
        found = _read(results)
    finally:
        os.close(results)
    for number in range(count):
        if number not in done and number not in found:
            here(number)
    return found


def _queue(count: int) -> int:
    """A pipe that holds the numbers, and nothing after them."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.write(writer, b"".join(number.to_bytes(_NUMBER, "little") for number in range(count)))
    os.close(writer)
    return reader


def _both(queue: int, results: int, here: Callable[[int], object], there: Callable[[int], Any]) -> set[int]:
    done: set[int] = set()
    parent = os.getpid()
    try:
        child = os.fork()
    except OSError:  # no process, or no memory, is left for it
        return done
    if child == 0:
        _help(parent, queue, results, there)
    try:
        while data := os.read(queue, _NUMBER):
            number = int.from_bytes(data, "little")
            here(number)
            done.add(number)
        _reap(child)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        _reap(child)
        raise
    return done


def _reap(child: int) -> None:
    os.waitpid(child, 0)


def _help(parent: int, queue: int, results: int, there: Callable[[int], Any]) -> NoReturn:
    """The helper's life. It holds our locks, so it may not outlive us; Ctrl-C is for us to understand."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        libc.call("prctl", _PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        while os.getppid() == parent and (data := os.read(queue, _NUMBER)):
            number = int.from_bytes(data, "little")
            record = marshal.dumps((number, there(number)))
            write_all(results, memoryview(len(record).to_bytes(_SIZE, "little") + record))
    finally:
        os._exit(0)  # whatever is missing is done again


def _read(results: int) -> dict[int, Any]:
    data = os.pread(results, os.fstat(results).st_size, 0)
    found, position = {}, 0
    while position < len(data):
        size = int.from_bytes(data[position : position + _SIZE], "little")
        position += _SIZE
        if position + size > len(data):
            break  # it was killed while it wrote
        number, result = marshal.loads(data[position : position + size])
        found[number] = result
        position += size
    return found
