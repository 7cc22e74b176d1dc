"""Hooks as ``hook list`` and ``hook run`` show them."""

from __future__ import annotations

from enum import Enum

from layerctl.values import frozen


class HookState(Enum):
    """What a file in the hooks folder is."""

    ACTIVE = "active"
    SAMPLE = "sample"
    NOT_EXECUTABLE = "not executable"
    BROKEN = "broken"
    UNKNOWN = "unknown event"


@frozen
class HookInfo:
    """One hook, or what could be one.

    Attributes:
        name: its event, or ``EVENT.NAME`` for one of several.
        event: what it is called for; None if no event has its name.
        state: whether it runs.
        path: absolute path of the file.
        summary: the first line of comment in it; empty if there is none.
    """

    name: str
    event: str | None
    state: HookState
    path: str
    summary: str


@frozen
class HookRun:
    """How a hook ended that was tried.

    Attributes:
        name: its event, or ``EVENT.NAME``.
        problem: what went wrong, as a verb would say it; None if it ended with status 0.
        status: its exit status; 128+n after signal n, 124 after the time limit, 126 if it could not be started.
    """

    name: str
    problem: str | None
    status: int
