"""What a command costs, and what others see while it runs."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.support.cli import Layerctl, PathLike


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process moved through read and write calls (copy_file_range included), in bytes, and its seconds."""

    read: int
    written: int
    seconds: float


def accounted(cli: Layerctl, *args: PathLike) -> Usage:
    """Runs a command that must succeed and reads the kernel's account of it before it is reaped."""
    start = time.monotonic()
    process = cli.start(*args, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    seconds = time.monotonic() - start
    lines = Path(f"/proc/{process.pid}/io").read_text().splitlines()
    counts = {key: int(value) for key, _, value in (line.partition(": ") for line in lines)}
    _, err = process.communicate()
    assert process.returncode == 0, err
    return Usage(counts["rchar"], counts["wchar"], seconds)


def seconds(cli: Layerctl, *args: PathLike) -> float:
    """How long a command that must succeed takes."""
    start = time.monotonic()
    cli.run(*args)
    return time.monotonic() - start


class Watcher:
    """Looks at a path again and again in a thread of its own, and notes when it was not there.

    Attributes:
        looks: how often it looked.
        misses: the errors that it met.
    """

    def __init__(self, path: Path) -> None:
        self.looks = 0
        self.misses: list[str] = []
        self._path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.looks += 1
            try:
                os.stat(self._path)
            except OSError as error:
                self.misses.append(str(error))
            time.sleep(0.0001)
