"""Hooks inside the image: a running container is told that its rootfs is about to be committed, and that it was.

The programs are the container's own and run in it, as its root, with its mounts and limits. Whether they are there is
looked up in the container's mount namespace, by the kernel's rules for a root directory: no symlink leads out of it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import HookRefused
from layerctl.ops.container import running, runtime_of
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.ops.context import Context
    from layerctl.runtime import ContainerState, ExecCall, Process

FOLDER = "/etc/layerctl/hooks.d"


@contextmanager
def rested(context: Context, wanted: bool) -> Iterator[None]:
    """Runs ``quiesce`` in the worktree's container before, and ``thaw`` afterwards, whatever happens.

    Args:
        context: whose worktree.
        wanted: False does nothing.

    Raises:
        HookRefused: ``quiesce`` exited non-zero, took too long or could not be started.
    """
    inside = _inside(context) if wanted else None
    if inside is None:
        yield
        return
    try:
        problem = inside.run("quiesce")
        if problem is not None:
            raise HookRefused(
                f"the hook quiesce in the container {problem}",
                hint=f"nothing was committed; the hook is {FOLDER}/quiesce in the image; --no-verify skips it",
            )
        yield
    finally:
        problem = inside.run("thaw")
        if problem is not None:
            context.say("thaw", problem)


def _inside(context: Context) -> _Inside | None:
    """The worktree's container; None if none runs, or it is paused and so can run nothing."""
    container = running(context)
    if container is None:
        return None
    from layerctl.runtime import ContainerId, Status  # noqa: PLC0415 - only a container that runs needs it

    state = runtime_of(context).state(ContainerId(container))
    if state is None or not state.is_alive:
        return None
    if state.status is Status.PAUSED:
        context.say("quiesce", "the container is paused: its hooks are not called")
        return None
    return _Inside(context, state)


@frozen
class _Inside:
    """A running container."""

    context: Context
    state: ContainerState

    def run(self, name: str) -> str | None:
        """Runs a hook to its end, if the container has it; returns what went wrong."""
        if not self._has(name):
            return None
        from layerctl.hooks import run_program  # noqa: PLC0415 - as above
        from layerctl.ops.hooking import time_limit  # noqa: PLC0415

        with runtime_of(self.context).exec_call(self.state.id, self._process(name)) as call:
            ending = run_program(
                call.argv,
                stdin=b"",
                directory=Path("/"),
                environment=call.environment,
                seconds=time_limit(self.context),
                show=lambda text: self.context.say(name, text),
                end=call.signal,
            )
            return ending.problem and _why(call, ending.status, ending.problem)

    def _has(self, name: str) -> bool:
        mode = self._mode(os.fsencode(f"{FOLDER}/{name}"))
        if mode is None:
            return False
        if stat.S_ISREG(mode) and mode & 0o111:
            return True
        self.context.say(name, f"{FOLDER}/{name} in the container is no executable file and was ignored")
        return False

    def _mode(self, path: bytes) -> int | None:
        from layerctl.runtime import mode_inside  # noqa: PLC0415 - as above

        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            root = os.open(f"/proc/{self.state.pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                return mode_inside(root, path)
            finally:
                os.close(root)
        return None

    def _process(self, name: str) -> Process:
        from layerctl.runtime import Process, environment  # noqa: PLC0415 - as above

        base = self.context.worktree.record.base
        assert base is not None
        config = self.context.store.commits.config(self.context.store.commits.read(base))
        given = (f"LAYERCTL_HOOK={name}", f"LAYERCTL_WORKTREE={self.context.worktree.name}")
        env = environment(config.env, given, hostname=self.state.id.name, home="/root", term=None)
        return Process(argv=(f"{FOLDER}/{name}",), env=env)


def _why(call: ExecCall, status: int, problem: str) -> str:
    failure = call.failure(status)
    return f"could not be started: {failure}" if failure is not None else problem
