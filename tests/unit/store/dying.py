"""Processes that die between two steps of what they do, as by SIGKILL: nothing is cleaned up."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

_SYSTEM = ("rename", "unlink", "mkdir", "rmdir", "link", "fsync", "write", "mknod", "removexattr")


def die_at(step: int, action: Callable[[], object], *more: tuple[object, str]) -> bool:
    """Runs ``action`` in a child process that dies right before its ``step``-th system call that changes something.

    Args:
        step: counted from 0.
        action: what to do.
        more: further functions that count as such calls, as an owner and a name.

    Returns:
        Whether it came to its end before that.
    """
    child = os.fork()
    if child == 0:
        _run(step, action, more)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9), f"the child failed with {code}"
    return code == 0


def _run(step: int, action: Callable[[], object], more: tuple[tuple[object, str], ...]) -> None:
    left = [step]
    patch = pytest.MonkeyPatch()
    for owner, name in (*((os, name) for name in _SYSTEM), *more):
        patch.setattr(owner, name, _counted(getattr(owner, name), left))
    try:
        action()
    except BaseException:  # noqa: BLE001 the parent says what it makes of it
        os._exit(1)
    os._exit(0)


def _counted(real: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if left[0] == 0:
            os._exit(9)
        left[0] -= 1
        return real(*args, **kwargs)

    return call
