"""Containers that run in a worktree.

The runtime's modules are loaded where they are needed: most worktrees have no container.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Busy, ContainerRunning, WorktreeNotFound
from layerctl.store.worktrees import record_text
from layerctl.values import replace

if TYPE_CHECKING:
    from layerctl.model.worktree import WorktreeRecord
    from layerctl.ops.context import Context
    from layerctl.runtime import ContainerId, Runtime

_STATE = Path("/run/layerctl")


def runtime_of(context: Context) -> Runtime:
    """The OCI runtime, with the repository's own state folder.

    Raises:
        NoRuntime: there is none.
    """
    from layerctl.runtime import Runtime, find_runtime  # noqa: PLC0415

    return Runtime(find_runtime(search_path=context.search_path), state_folder(context))


def state_folder(context: Context) -> Path:
    """Where an OCI runtime keeps what is gone after a reboot: one folder a repository."""
    status = context.layout.root.stat()
    return _STATE / f"{status.st_dev:x}-{status.st_ino:x}"


def running(context: Context) -> str | None:
    """The id of the container that runs in the worktree; None if its record is stale."""
    container = context.worktree.record.container
    if container is None or not (state_folder(context)).is_dir():
        return None
    state = runtime_of(context).state(_id(container))
    return container if state is not None and state.is_alive else None


def note_container(context: Context, container: str, targets: tuple[tuple[str, bool], ...]) -> None:
    """Remembers which container runs in the worktree; called with the worktree locked."""
    _write(context, replace(context.worktree.record, container=container, targets=targets))


def forget_container(context: Context, container: str) -> None:
    """Takes a container that has ended out of the record, which an operation may be about to replace.

    That it stays there does no harm: whether it runs is asked of the runtime.
    """
    with suppress(Busy, WorktreeNotFound), context.store.lock.apply():
        context.store.journal.recover()
        record = context.worktree.record
        if record.container == container:
            _write(context, replace(record, container=None))


def _write(context: Context, record: WorktreeRecord) -> None:
    path = context.worktree.folder / "worktree.json"
    context.store.durability.write(path, record_text(record, context.layout).encode())


def refuse_running(context: Context) -> None:
    """Raises ContainerRunning if a container runs in the worktree."""
    container = running(context)
    if container is not None:
        raise ContainerRunning(f"the container {container} runs in the worktree '{context.worktree.name}'")


def stop_running(context: Context) -> None:
    """Ends the worktree's container, if one runs. Whoever ran it takes it out of the record."""
    container = running(context)
    if container is not None:
        runtime_of(context).delete(_id(container), force=True)


def freezer(context: Context, pause: bool) -> Callable[[], Callable[[], None] | None]:
    """What pauses the worktree's container, if one runs and that is wanted.

    A container that is paused already stays so; that counts as frozen.
    """

    def freeze() -> Callable[[], None] | None:
        container = running(context) if pause else None
        if container is None:
            return None
        runtime, name = runtime_of(context), _id(container)
        if not runtime.pause(name):
            return lambda: None
        return lambda: _resume(runtime, name)

    return freeze


def _id(container: str) -> ContainerId:
    from layerctl.runtime import ContainerId  # noqa: PLC0415

    return ContainerId(container)


def _resume(runtime: Runtime, container: ContainerId) -> None:
    runtime.resume(container)
