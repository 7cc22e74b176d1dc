"""Starting containers and commands in them. Source: OCI runtime-spec ``runtime.md``; ``runc(8)``, ``crun(1)``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import AlreadyExists, NoRuntime, UsageError
from layerctl.runtime.bundle import Bundle, write_json
from layerctl.runtime.control import RUNTIME_ENV, Control
from layerctl.runtime.foreground import Stdio, run_foreground
from layerctl.runtime.result import RunResult, ended, failed_to_start
from layerctl.runtime.spec import build_process
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.runtime.container import Process
    from layerctl.runtime.ids import ContainerId

_INHERIT = Stdio()
_ATTEND = (sys.executable, "-I", "-S", str(Path(__file__).with_name("attend.py")))


def find_runtime(names: Sequence[str] = ("runc", "crun"), *, search_path: str) -> Path:
    """The first runtime that is installed.

    runc comes first because crun 1.8 refuses hybrid cgroups, hands the caller's own descriptors to the command, does
    not follow the size of a terminal, and with one sometimes loses the reason why a command did not start.

    Args:
        names: programs, best first.
        search_path: directories as in PATH.

    Raises:
        NoRuntime: none of them is there.
    """
    for name in names:
        found = shutil.which(name, path=search_path)
        if found is not None:
            return Path(found).absolute()
    raise NoRuntime(f"no OCI runtime found: no {' or '.join(names)} in PATH")


@frozen
class ExecCall:
    """One more command in a running container, to be started by the caller.

    Attributes:
        argv: what to call; it ends with the command, whatever that leaves in the background.
        environment: for the call.
        scratch: where the runtime writes what it has to say.
    """

    argv: tuple[str, ...]
    environment: dict[str, str]
    scratch: Path

    def signal(self, number: int) -> None:
        """Sends the command a signal, if it has started."""
        with suppress(FileNotFoundError, ValueError, ProcessLookupError):
            os.kill(int((self.scratch / "pid").read_text()), number)

    def failure(self, status: int) -> str | None:
        """Why the command never started; None if it did."""
        return _result(status, self.scratch).failure


@frozen
class Runtime(Control):
    """:class:`Control`, and what starts commands."""

    def run(self, bundle: Bundle, *, stdio: Stdio = _INHERIT, seconds: float | None = None) -> RunResult:
        """Runs a container in the foreground, to its end, and deletes its state whatever happens.

        Signals that this process gets go to the container (from the main thread only). Without a terminal, runc gives
        the command pipes and copies them, byte for byte: a container never holds a descriptor of the host's files,
        which as root it could open again for writing.

        Args:
            bundle: a fresh one.
            stdio: the caller's streams.
            seconds: how long it may take; then all of it is killed.

        Raises:
            AlreadyExists: there is a container of that name.
            UsageError: the container has a terminal, and stdin is none.
        """
        container = self._unused(bundle)
        args = [f"--bundle={bundle.path}", str(container)]
        try:
            return self._foreground("run", args, bundle.path, tty=bundle.spec.process.tty, stdio=stdio, seconds=seconds)
        finally:
            self.delete(container, force=True)

    def exec(self, container: ContainerId, process: Process, *, stdio: Stdio = _INHERIT) -> RunResult:
        """Runs one more command in a running container, in the foreground; otherwise as :meth:`run`."""
        with self._scratch() as scratch:
            document = scratch / "process.json"
            write_json(document, build_process(process))
            return self._foreground(
                "exec", [f"--process={document}", str(container)], scratch, tty=process.tty, stdio=stdio
            )

    @contextmanager
    def exec_call(self, container: ContainerId, process: Process) -> Iterator[ExecCall]:
        """The same for a caller that starts it itself, with a time limit of its own.

        The command has the streams that the caller gives the call: pipes, never a file of the host's.
        """
        with self._scratch() as scratch:
            document = scratch / "process.json"
            write_json(document, build_process(process))
            argv = self._launch("exec", scratch, "--detach", f"--process={document}", str(container))
            yield ExecCall((*_ATTEND, str(scratch / "pid"), *argv), RUNTIME_ENV, scratch)

    def start(self, bundle: Bundle) -> RunResult:
        """Starts a container in the background: no stdin, output in the bundle's files.

        Nobody waits for it, so its own exit status is lost; :meth:`delete` it when it has stopped.

        Returns:
            Status 0 if the command runs.

        Raises:
            AlreadyExists: there is a container of that name.
            UsageError: the container has a terminal.
        """
        if bundle.spec.process.tty:
            raise UsageError("a container in the background cannot have a terminal")
        container = self._unused(bundle)
        try:
            result = self._detach(bundle)
        except BaseException:
            self.delete(container, force=True)
            raise
        if result.failure is not None:
            self.delete(container, force=True)
        return result

    def _unused(self, bundle: Bundle) -> ContainerId:
        """Asked before a start, because what is deleted after a failed one must not be somebody else's."""
        if self._knows(bundle.spec.id):
            raise AlreadyExists(f"a container {bundle.spec.id} exists already")
        return bundle.spec.id

    def _foreground(
        self,
        verb: str,
        args: Sequence[str],
        scratch: Path,
        *,
        tty: bool,
        stdio: Stdio,
        seconds: float | None = None,
    ) -> RunResult:
        if tty and not os.isatty(stdio.stdin_fd):
            raise UsageError("the input device is not a terminal", hint="leave out the option that asks for one")
        argv = self._launch(verb, scratch, *args)
        returncode = run_foreground(
            argv, env=RUNTIME_ENV, stdio=stdio, tty=tty, pid_file=scratch / "pid", seconds=seconds
        )
        return _result(returncode, scratch)

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        path = self._directory("calls") / os.urandom(6).hex()
        path.mkdir(mode=0o700)
        try:
            yield path
        finally:
            shutil.rmtree(path)

    def _detach(self, bundle: Bundle) -> RunResult:
        argv = self._launch("run", bundle.path, "--detach", f"--bundle={bundle.path}", str(bundle.spec.id))
        with bundle.stdout.open("wb") as out, bundle.stderr.open("wb") as err:
            done = subprocess.run(
                argv, env=RUNTIME_ENV, stdin=subprocess.DEVNULL, stdout=out, stderr=err, umask=0o022, check=False
            )
        return _result(done.returncode, bundle.path)

    def _launch(self, verb: str, scratch: Path, *args: str) -> tuple[str, ...]:
        return self._argv(f"--log={scratch / 'log.json'}", verb, f"--pid-file={scratch / 'pid'}", *args)


def _result(returncode: int | None, scratch: Path) -> RunResult:
    """The pid file tells a command's status 1 from the runtime's own: it is there once the command has started."""
    if returncode is None or returncode <= 0 or (scratch / "pid").exists():
        return ended(returncode)
    log = scratch / "log.json"
    return failed_to_start(log.read_text(errors="replace") if log.exists() else "")
