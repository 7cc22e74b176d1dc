"""How the process is set up: descriptors, umask, signals, streams."""

from __future__ import annotations

import io
import os
import resource
import signal
import sys
from types import FrameType
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """A signal asked the process to end; clean-up is as for Ctrl-C.

    Attributes:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def prepare_process() -> None:
    """Puts the process into a known state."""
    os.umask(0o022)
    _raise_descriptor_limit()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminate)
    _prepare_streams()


def silence_stdout() -> None:
    """Nobody reads stdout any more: what is still buffered goes nowhere."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.close(devnull)


def exit_status(exc: KeyboardInterrupt) -> int:
    """As a shell reports a death by that signal."""
    return 128 + (exc.number if isinstance(exc, Terminated) else signal.SIGINT)


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated(number)


def _raise_descriptor_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _prepare_streams() -> None:
    """Bytes that are no UTF-8 pass unchanged; a closed stream is the null device."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (for as long as the process lives)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (for as long as the process lives)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
