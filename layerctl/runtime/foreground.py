"""Running a runtime in the foreground: signals go to the container, the terminal comes back as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from layerctl.values import field, frozen, record

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_FROM_KEYBOARD = (signal.SIGINT, signal.SIGQUIT)
_ASKING_TO_END = (signal.SIGINT, signal.SIGTERM)
_PATIENCE = 3
_PATIENCE_SECONDS = 3.0


@frozen
class Stdio:
    """What a command's standard streams are: descriptors, or None to inherit the caller's own."""

    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None

    @property
    def stdin_fd(self) -> int:
        """The descriptor to ask about a terminal."""
        return 0 if self.stdin is None else self.stdin


def run_foreground(
    argv: Sequence[str], *, env: dict[str, str], stdio: Stdio, tty: bool, pid_file: Path, seconds: float | None = None
) -> int | None:
    """Runs a runtime's ``run`` or ``exec`` to its end.

    Args:
        argv: the call.
        env: its environment.
        stdio: with a terminal, stdin must be one; stderr then is dropped, as only the runtime itself writes to it.
        tty: the runtime relays a terminal: it makes the caller's raw and follows its size.
        pid_file: where the runtime writes the pid of the command.
        seconds: how long it may take; then it is killed.

    Returns:
        The exit status; negative for the signal that ended the runtime itself; None if it took too long.
    """
    terminal = stdio.stdin_fd if tty else None
    with _terminal_kept(terminal), _SignalRelay(pid_file) as relay:
        child = subprocess.Popen(
            argv,
            env=env,
            stdin=stdio.stdin,
            stdout=stdio.stdout,
            stderr=subprocess.DEVNULL if tty else stdio.stderr,
            umask=0o022,
        )
        relay.attach(child)
        try:
            return child.wait(seconds)
        except subprocess.TimeoutExpired:
            relay.kill()
            child.wait()
            return None


@contextmanager
def _terminal_kept(terminal: int | None) -> Iterator[None]:
    """The runtime restores the terminal itself, unless it is killed."""
    before = None if terminal is None else termios.tcgetattr(terminal)
    try:
        yield
    finally:
        if terminal is not None and before is not None:
            with suppress(termios.error):
                if termios.tcgetattr(terminal) != before:
                    termios.tcsetattr(terminal, termios.TCSANOW, before)


@record
class _SignalRelay:
    """Sends this process's signals on to the runtime, which sends them on to the command.

    A terminal sends Ctrl-C to the whole foreground process group, runtime included: that one is not sent twice. A first
    process ignores signals that it has no handler for (``pid_namespaces(7)``), so the third request to end within three
    seconds kills it.
    """

    pid_file: Path
    _child: subprocess.Popen[bytes] | None = None
    _pending: list[int] = field(default_factory=list)
    _asked: list[float] = field(default_factory=list)
    _before: dict[int, Any] = field(default_factory=dict)

    def __enter__(self) -> _SignalRelay:
        if threading.current_thread() is threading.main_thread():
            for number in _FORWARDED:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def attach(self, child: subprocess.Popen[bytes]) -> None:
        """Says whom to send to; what came before is sent now."""
        self._child = child
        for number in self._pending:
            child.send_signal(number)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number in _ASKING_TO_END and self._is_impatient():
            self.kill()
        elif self._child is None:
            self._pending.append(number)
        elif not (number in _FROM_KEYBOARD and _holds_terminal()):
            self._child.send_signal(number)

    def _is_impatient(self) -> bool:
        now = time.monotonic()
        self._asked = [then for then in self._asked if now - then < _PATIENCE_SECONDS] + [now]
        return len(self._asked) >= _PATIENCE

    def kill(self) -> None:
        """Kills the command; the runtime, if that has not started one yet."""
        try:
            pid = int(self.pid_file.read_text())
        except (FileNotFoundError, ValueError):
            if self._child is not None:
                self._child.kill()
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _holds_terminal() -> bool:
    """Whether this process is in the foreground of a terminal, so that the terminal signals its children too."""
    try:
        fd = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(fd)
