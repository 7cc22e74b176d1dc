"""When the progress bar is shown: for work that takes long, and never in the way of other output."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layerctl.cli.render.bar import Bar

#: Seconds; shorter work shows nothing.
PATIENCE = 0.3
#: Seconds between two drawings.
INTERVAL = 0.1


def _new_bar() -> Bar:
    from layerctl.cli.render.bar import Bar  # noqa: PLC0415 (rich is slow to load, and mostly not needed)

    return Bar()


class ProgressBar:
    """A :class:`layerctl.model.progress.Progress` for a terminal.

    Args:
        new_bar: makes the bar, when it is time for one.
        clock: seconds.
        started: when the user began to wait, by that clock; now by default.
    """

    def __init__(
        self,
        new_bar: Callable[[], Bar] = _new_bar,
        clock: Callable[[], float] = time.monotonic,
        started: float | None = None,
    ) -> None:
        self._new_bar = new_bar
        self._clock = clock
        self._started = clock() if started is None else started
        self._drawn = 0.0
        self._stage: str | None = None
        self._bar: Bar | None = None

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Shows how far the work is, at most ten times a second."""
        now = self._clock()
        if now - self._started < PATIENCE or (stage == self._stage and now - self._drawn < INTERVAL):
            return
        self._drawn, self._stage = now, stage
        if self._bar is None:
            self._bar = self._new_bar()
        self._bar.show(stage, done, total)

    def hide(self) -> None:
        """Takes the bar away; the next report brings it back."""
        if self._bar is not None:
            self._bar.hide()
            self._bar = None
