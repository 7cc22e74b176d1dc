"""Running one program: with a time limit, its output handed on while it comes, and nothing of it left behind."""

from __future__ import annotations

import errno
import os
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from layerctl.values import field, frozen, record

#: Of one program's output, so much is shown.
OUTPUT_LIMIT = 64 << 10
_LONGEST_LINE = 4 << 10
_CHUNK = 64 << 10
_GRACE_SECONDS = 1.0
_LAST_READS = 32


@frozen
class Ending:
    """How a program ended.

    Attributes:
        problem: a phrase about what went wrong; None after exit status 0.
        status: its exit status; 128+n after signal n, 124 after the time limit, 126 if it could not be started.
    """

    problem: str | None
    status: int


def run_program(
    argv: Sequence[str],
    *,
    stdin: bytes,
    directory: Path,
    environment: Mapping[str, str],
    seconds: float,
    show: Callable[[str], None],
    end: Callable[[int], None] | None = None,
) -> Ending:
    """Runs a program to its end, in a session of its own and without a terminal.

    It is over when its first process has ended: what that leaves in the background goes on, but nobody reads its
    output. If it takes too long, or this process is interrupted, all processes of its group are ended.

    Args:
        argv: an absolute path, and arguments.
        stdin: what it can read; it need not.
        directory: where it runs.
        environment: all that it finds in its own.
        seconds: how long it may take.
        show: is given its output and error output, whole lines at a time.
        end: sends a signal to what the program has started elsewhere; its own group gets it anyway.
    """
    try:
        child = _start(argv, directory, environment)
    except OSError as exc:
        return Ending(f"could not be started: {_reason(exc, argv)}", 126)
    try:
        with _Conversation(child, stdin, show) as talk:
            if not talk.until(time.monotonic() + seconds):
                _end(child, end)
                return Ending(f"took longer than {seconds:g} seconds and was ended", 124)
            return _ending(child.wait())
    except BaseException:
        _end(child, end)
        raise


def _start(argv: Sequence[str], directory: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return _popen(argv, directory, environment)
    except OSError as exc:
        if exc.errno != errno.ENOEXEC or _is_binary(argv[0]):
            raise
        return _popen(["/bin/sh", *argv], directory, environment)  # as execvp(3), and so Git, does


def _popen(argv: Sequence[str], directory: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=directory,
        env=environment,
        bufsize=0,
        start_new_session=True,
    )


def _is_binary(path: str) -> bool:
    with open(path, "rb") as file:
        return b"\0" in file.read(512)


def _reason(exc: OSError, argv: Sequence[str]) -> str:
    if exc.errno == errno.ENOEXEC:
        return "it is no program for this machine"
    if exc.errno == errno.ENOENT and os.path.exists(argv[0]):
        return "the interpreter that its first line names is missing"
    return os.strerror(exc.errno or 0).lower()


def _ending(returncode: int) -> Ending:
    if returncode < 0:
        return Ending(f"was ended by the signal {_signal_name(-returncode)}", 128 - returncode)
    return Ending(None if returncode == 0 else f"refused (exit status {returncode})", returncode)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _end(child: subprocess.Popen[bytes], elsewhere: Callable[[int], None] | None) -> None:
    """Ends a group of processes: asks, waits a second, kills. The first one keeps the group's number until then."""
    try:
        _signal_all(child.pid, signal.SIGTERM, elsewhere)
        if child.returncode is None:
            _wait(child.pid, _GRACE_SECONDS)
    finally:
        _signal_all(child.pid, signal.SIGKILL, elsewhere)
        child.wait()


def _wait(pid: int, seconds: float) -> None:
    """Waits for a child without reaping it."""
    fd = os.pidfd_open(pid)
    try:
        select.select([fd], [], [], seconds)
    finally:
        os.close(fd)


def _signal_all(group: int, number: int, elsewhere: Callable[[int], None] | None) -> None:
    if elsewhere is not None:
        elsewhere(number)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


@record
class _Conversation:
    """The pipes of a running program."""

    child: subprocess.Popen[bytes]
    stdin: bytes
    show: Callable[[str], None]
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _process: int = -1
    _written: int = 0
    _line: bytes = b""
    _shown: int = 0
    _hidden: int = 0

    def __enter__(self) -> _Conversation:
        assert self.child.stdin is not None and self.child.stdout is not None
        self._process = os.pidfd_open(self.child.pid)
        self._selector.register(self._process, selectors.EVENT_READ)
        os.set_blocking(self.child.stdout.fileno(), False)
        self._selector.register(self.child.stdout, selectors.EVENT_READ, self._read)
        os.set_blocking(self.child.stdin.fileno(), False)
        self._selector.register(self.child.stdin, selectors.EVENT_WRITE, self._write)
        return self

    def __exit__(self, *exc: object) -> None:
        self._selector.close()
        os.close(self._process)
        for stream in (self.child.stdin, self.child.stdout):
            if stream is not None:
                stream.close()

    def until(self, deadline: float) -> bool:
        """Talks until the program ends; False if it is still there at the deadline."""
        ended = False
        while not ended:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            for key, _ in self._selector.select(left):
                ended = ended or key.fileobj == self._process
                if key.data is not None:
                    key.data()
        for _ in range(_LAST_READS):  # what is left in the pipe; something in the background may go on filling it
            if not self._read():
                break
        self._finish()
        return ended

    def _write(self) -> None:
        stream = self.child.stdin
        assert stream is not None
        try:
            self._written += os.write(stream.fileno(), self.stdin[self._written : self._written + _CHUNK] or b"")
        except BlockingIOError:
            return
        except BrokenPipeError:  # it does not want to know
            self._written = len(self.stdin)
        if self._written >= len(self.stdin):
            self._selector.unregister(stream)
            stream.close()

    def _read(self) -> bool:
        """Hands on what there is; whether there was anything."""
        stream = self.child.stdout
        assert stream is not None
        if stream.closed:
            return False
        try:
            data = os.read(stream.fileno(), _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._selector.unregister(stream)
            stream.close()
            return False
        self._take(data)
        return True

    def _take(self, data: bytes) -> None:
        room = OUTPUT_LIMIT - self._shown
        self._hidden += max(len(data) - room, 0)
        self._shown += min(len(data), room)
        whole, newline, self._line = (self._line + data[:room]).rpartition(b"\n")
        if newline:
            self._say(whole)
        if len(self._line) > _LONGEST_LINE:
            self._say(self._line)
            self._line = b""

    def _finish(self) -> None:
        if self._line:
            self._say(self._line)
        if self._hidden:
            self.show(f"({self._hidden:,} more bytes of output are not shown)")

    def _say(self, text: bytes) -> None:
        """Of a line that overwrites itself, what a terminal would show in the end."""
        lines = (line.rstrip(b"\r").rpartition(b"\r")[2] for line in text.split(b"\n"))
        self.show(b"\n".join(lines).decode(errors="replace"))
