"""Commands in child processes, and their system calls: which change something, and what if one is the last or fails.

A child is forked from the test's process, which has loaded layerctl already: a sweep runs thousands of commands. There
strace(1) is attached to it before it does anything. strace counts each system call of each process for itself, so a
moment in the life of a command is a system call's name and its number among those of that name.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from layerctl.cli.command_line import run_command

#: All that changes a file, a directory, an attribute or a mount. Those that do not exist here are passed over ("?").
CHANGING = (
    *("rename", "renameat", "renameat2", "mkdir", "mkdirat", "unlink", "unlinkat", "rmdir", "link", "linkat"),
    *("symlink", "symlinkat", "mknod", "mknodat", "write", "pwrite64", "writev", "pwritev", "ftruncate", "truncate"),
    *("fallocate", "copy_file_range", "sendfile", "fsync", "fdatasync", "syncfs", "setxattr", "lsetxattr"),
    *("fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "chmod", "fchmod", "fchmodat", "chown", "lchown"),
    *("fchown", "fchownat", "utimensat", "mount", "umount2", "fsmount", "move_mount", "fsconfig", "openat", "open"),
    "creat",
)
_ALL = ",".join(f"?{name}" for name in CHANGING)
_LINE = re.compile(r"^(\d+) +([a-z_0-9]+)\((.*)$")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Call:
    """One system call of a command.

    Attributes:
        name: such as ``rename``.
        nth: its number among the calls of that name, from 1.
        text: its arguments, as strace prints them.
    """

    name: str
    nth: int
    text: str

    def __str__(self) -> str:
        return f"{self.name} #{self.nth} ({self.text[:160]}"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


@dataclass(frozen=True, slots=True)
class Started:
    """A command that waits for its start.

    Attributes:
        pid: its process.
        scratch: where it prints to.
    """

    pid: int
    scratch: Path
    _pipe: int

    def go(self) -> None:
        """Lets it begin."""
        os.close(self._pipe)

    def wait(self) -> Ended:
        """Waits for its end."""
        _, status = os.waitpid(self.pid, 0)
        texts = [(self.scratch / name).read_text(errors="replace") for name in ("out", "err")]
        return Ended(os.waitstatus_to_exitcode(status), *texts)


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs commands in a directory.

    Attributes:
        cwd: where.
        env: the environment.
        scratch: a folder for what they print.
    """

    cwd: Path
    env: Mapping[str, str]
    scratch: Path

    def run(self, *args: str) -> Ended:
        """Runs ``layerctl ARGS`` to its end."""
        started = self.start(*args)
        started.go()
        return started.wait()

    def record(self, *args: str) -> list[Call]:
        """Runs it to its end, which must be a good one; returns the calls that change something, in order."""
        ended = self._traced(args, ["-e", f"trace={_ALL}"])
        assert ended.code == 0, ended
        return changing_calls((self.scratch / "trace").read_text(errors="replace").splitlines())

    def run_with_fault(self, call: Call, fault: str, *args: str) -> Ended:
        """Runs it with something happening at one of its calls: ``signal=KILL`` or ``error=EIO``."""
        return self._traced(args, ["-e", f"trace={call.name}", "-e", f"inject={call.name}:{fault}:when={call.nth}"])

    def start(self, *args: str) -> Started:
        """Forks a process that is about to run ``layerctl ARGS``."""
        wait, go = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(go)
                self._become_a_command()
                os.read(wait, 1)
                os._exit(_run(args))
            finally:
                os._exit(99)
        os.close(wait)
        return Started(pid, self.scratch, go)

    def _traced(self, args: Sequence[str], options: list[str]) -> Ended:
        started = self.start(*args)
        strace = ["strace", "-f", "-o", self.scratch / "trace", *options, "-p", str(started.pid)]
        with subprocess.Popen(strace, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as tracer:
            assert tracer.stderr is not None
            said = tracer.stderr.readline()
            started.go()
            ended = started.wait()
            tracer.terminate()  # what the command left running goes on untraced
        assert b"attached" in said, said
        return ended

    def _become_a_command(self) -> None:
        """What a shell does before it starts one."""
        for number in _SIGNALS:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        for number, name in enumerate(("out", "err"), start=1):
            fd = os.open(self.scratch / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(fd, number)
            os.close(fd)
        sys.stdin, sys.stdout, sys.stderr = open(os.devnull), open(1, "w"), open(2, "w")  # noqa: SIM115
        os.chdir(self.cwd)
        os.environ.clear()
        os.environ.update(self.env)


def _run(args: Sequence[str]) -> int:
    code = run_command(args)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def changing_calls(lines: Sequence[str]) -> list[Call]:
    """The calls of the process of the first line that change something or try to."""
    found: list[Call] = []
    count: Counter[str] = Counter()
    first = lines[0].partition(" ")[0]
    for line in lines:
        match = _LINE.match(line)
        if match is None or match[1] != first:
            continue
        count[match[2]] += 1
        if _changes(match[2], match[3]):
            found.append(Call(match[2], count[match[2]], match[3]))
    return found


def _changes(name: str, text: str) -> bool:
    if name in ("openat", "open"):
        return "O_CREAT" in text or "O_TRUNC" in text
    if name == "fsconfig":
        return "FSCONFIG_CMD" in text
    return "/dev/" not in text
