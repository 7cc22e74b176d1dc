"""Git-style hooks: programs that a verb asks before it acts and tells afterwards. Source of the rules: githooks(5).

Life cycle of one hook: :func:`read_folder` finds it → :class:`Hooks` chooses those of an event and gives each its
environment → :func:`run_program` runs it to its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.lazy import loader

if TYPE_CHECKING:
    from layerctl.hooks.events import EVENTS, Event
    from layerctl.hooks.folder import SAMPLE, HookFile, hooks_of_event, is_sample, place_of, read_folder, sample_of
    from layerctl.hooks.process import Ending, run_program
    from layerctl.hooks.runner import Hooks, Stdin

__getattr__ = loader(
    __name__,
    {
        "EVENTS": "events",
        "Ending": "process",
        "Event": "events",
        "HookFile": "folder",
        "Hooks": "runner",
        "SAMPLE": "folder",
        "Stdin": "runner",
        "hooks_of_event": "folder",
        "is_sample": "folder",
        "place_of": "folder",
        "read_folder": "folder",
        "run_program": "process",
        "sample_of": "folder",
    },
)

__all__ = [
    "EVENTS",
    "SAMPLE",
    "Ending",
    "Event",
    "HookFile",
    "Hooks",
    "Stdin",
    "hooks_of_event",
    "is_sample",
    "place_of",
    "read_folder",
    "run_program",
    "sample_of",
]
