"""Containers that exist: looking at them, signalling, freezing, deleting."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import NoPrivilege, NotFound, RuntimeFailed
from layerctl.runtime.result import last_error
from layerctl.runtime.state import ContainerState, Status
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.runtime.ids import ContainerId

#: A runtime needs nothing of the caller's environment; some variables (NOTIFY_SOCKET, LISTEN_FDS) would change it.
RUNTIME_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

#: What runc and crun say of a container that is gone, or whose state is not written yet.
_ABSENT = re.compile(r"does not exist|No such file")


@frozen
class Control:
    """An OCI runtime with a state directory of its own, so that it sees no containers but ours.

    A container's state outlives a killed layerctl: :meth:`list` still shows it, and :meth:`delete` with ``force`` ends
    what is left of it.

    Attributes:
        program: the runtime's binary.
        root: private directory for state; best on a tmpfs, as no container survives a reboot.

    Raises:
        NoPrivilege: this process is not root.
    """

    program: Path
    root: Path

    def __post_init__(self) -> None:
        if os.geteuid() != 0:
            raise NoPrivilege("containers need root: rootless containers are not supported yet")

    def state(self, container: ContainerId) -> ContainerState | None:
        """What a container is doing; None if the runtime has none of that name."""
        if not self._knows(container):
            return None
        try:
            return ContainerState.from_json(json.loads(self._ask("state", str(container))))
        except RuntimeFailed as exc:
            if _ABSENT.search(exc.message):
                return None
            raise

    def list(self) -> tuple[ContainerState, ...]:
        """All containers of this state directory, stopped ones too, sorted by id."""
        if not any(self._directory("state").iterdir()):
            return ()
        rows = json.loads(self._ask("list", "--format=json")) or []
        return tuple(sorted((ContainerState.from_json(row) for row in rows), key=lambda state: state.id))

    def kill(self, container: ContainerId, number: int = signal.SIGTERM) -> bool:
        """Sends a signal to a container's first process.

        Returns:
            False if there is no process left to take it.
        """
        if not self._is_alive(container):
            return False
        try:
            self._ask("kill", str(container), str(int(number)))
        except RuntimeFailed:
            if self._is_alive(container):
                raise
            return False
        return True

    def stop(self, container: ContainerId, *, number: int = signal.SIGTERM, timeout: float = 10.0) -> bool:
        """Asks a container to end, kills it after ``timeout`` seconds, and deletes its state. A frozen one is thawed.

        Returns:
            False if it had ended before.
        """
        state = self.state(container)
        signalled = state is not None and self.kill(container, number)
        if state is not None and signalled:
            self.resume(container)
            _wait_for_end(state.pid, timeout)
        self.delete(container, force=True)
        return signalled

    def delete(self, container: ContainerId, *, force: bool = False) -> None:
        """Deletes a container's state and cgroup; nothing to do if there is none.

        Args:
            container: which.
            force: kill it first if it is alive.

        Raises:
            RuntimeFailed: it is alive and ``force`` is not set.
        """
        if not self._knows(container):
            return
        try:
            self._ask("delete", *(["--force"] if force else []), str(container))
        except RuntimeFailed:
            if self._knows(container):  # otherwise whoever ran it was faster
                raise

    def pause(self, container: ContainerId) -> bool:
        """Freezes all processes of a container.

        Returns:
            True if this call froze it; False if it was frozen already, and so is not this caller's to thaw.

        Raises:
            NotFound: there is no such container.
            RuntimeFailed: it cannot be frozen, or has stopped.
        """
        state = self.state(container)
        if state is None:
            raise NotFound(f"no container {container}")
        if state.status is Status.PAUSED:
            return False
        self._ask("pause", str(container))
        return True

    def resume(self, container: ContainerId) -> bool:
        """Thaws a container; False if it was not frozen."""
        state = self.state(container)
        if state is None or state.status is not Status.PAUSED:
            return False
        self._ask("resume", str(container))
        return True

    def _is_alive(self, container: ContainerId) -> bool:
        state = self.state(container)
        return state is not None and state.is_alive

    def _knows(self, container: ContainerId) -> bool:
        """Spares the runtime's start where there is nothing: a state is a directory named after the container."""
        return (self.root / "state" / container.name).exists()

    def _directory(self, name: str) -> Path:
        path = self.root / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def _argv(self, *args: str) -> tuple[str, ...]:
        return (str(self.program), f"--root={self._directory('state')}", "--log-format=json", *args)

    def _ask(self, *args: str) -> str:
        """Calls the runtime for an answer; without ``--log`` its messages come on stderr."""
        argv = self._argv(*args)
        done = subprocess.run(argv, env=RUNTIME_ENV, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            message = last_error(done.stderr) or done.stderr.strip() or f"exit status {done.returncode}"
            raise RuntimeFailed(f"{self.program.name} {args[0]} failed: {message}")
        return done.stdout


def _wait_for_end(pid: int, timeout: float) -> None:
    """Waits for a process that is no child of this one. Source: ``pidfd_open(2)``."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.poll(timeout * 1000)
    finally:
        os.close(fd)
