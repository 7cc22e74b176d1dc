"""The look of the progress bar: the one part of the command line that needs rich."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn


class Bar:
    """One line on stderr that goes away when it is hidden. Draws only when told to: no thread of its own."""

    def __init__(self, console: Console | None = None) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=console or Console(stderr=True),
            transient=True,
            auto_refresh=False,
        )
        self._stage: str | None = None
        self._task: TaskID | None = None
        self._progress.start()

    def show(self, stage: str, done: int, total: int | None) -> None:
        """Draws how far a stage is; a new stage takes the place of the old one."""
        if self._task is None or stage != self._stage:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._stage, self._task = stage, self._progress.add_task(stage, total=total)
        self._progress.update(self._task, completed=done, total=total, refresh=True)

    def hide(self) -> None:
        """Takes the line away."""
        self._progress.stop()
