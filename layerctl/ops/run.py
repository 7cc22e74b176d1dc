"""``run``: a command in a container, on a worktree's rootfs or on a throwaway one of any commit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import ContainerRunning, NoPrivilege, UsageError
from layerctl.layer.xattrs import XattrNamespace
from layerctl.mount.overlay import OverlaySpec
from layerctl.mount.worktree import WorktreeMount
from layerctl.ops.container import forget_container, note_container, running, runtime_of, state_folder
from layerctl.ops.hooking import hooks_of
from layerctl.ops.mounting import ensure_mounted
from layerctl.ops.rootfs import prepare_write_layer
from layerctl.runtime import (
    Bind,
    Bundle,
    ContainerId,
    ContainerSpec,
    Network,
    Process,
    RunResult,
    Stdio,
    capturing,
    environment,
    missing_targets,
    resolve_user,
)
from layerctl.values import field, frozen, replace

if TYPE_CHECKING:
    from layerctl.model.commit import ImageCommit
    from layerctl.model.config import ImageConfig
    from layerctl.model.ids import CommitId
    from layerctl.ops.context import Context


@frozen
class RunRequest:
    """What to run.

    Attributes:
        argv: the command; empty runs the image's own.
        revision: run on a throwaway rootfs of this commit; None runs on the worktree.
        tty: give the command a terminal.
        size: the terminal's columns and rows.
        term: its type, for ``TERM``.
        env: more ``NAME=value`` pairs.
        workdir: working directory instead of the image's.
        user: ``user[:group]`` instead of the image's.
        network: ``none`` or ``host``.
        volumes: ``SOURCE:DESTINATION[:ro]``.
        read_only: the rootfs cannot be written to.
        entrypoint: instead of the image's; empty for none.
        hostname: instead of the container's id.
        stdio: what the command gets as standard input, output and error.
        seconds: how long it may take; then it is killed, with all that it started, and its status is 124.
    """

    argv: tuple[str, ...] = ()
    revision: str | None = None
    tty: bool = False
    size: tuple[int, int] | None = None
    term: str | None = None
    env: tuple[str, ...] = ()
    workdir: str | None = None
    user: str | None = None
    network: str = "none"
    volumes: tuple[str, ...] = ()
    read_only: bool = False
    entrypoint: str | None = None
    hostname: str | None = None
    stdio: Stdio = field(default_factory=Stdio)
    seconds: float | None = None


def run(context: Context, request: RunRequest, *, capture_output: bool = False) -> RunResult:
    """See :meth:`layerctl.ops.repository.Repository.run`."""
    if not capture_output:
        return _run(context, request)
    with capturing(request.stdio) as (stdio, captured):
        result = _run(context, replace(request, stdio=stdio))
    return replace(result, stdout=captured.stdout, stderr=captured.stderr)


def _run(context: Context, request: RunRequest) -> RunResult:
    if os.geteuid() != 0:
        raise NoPrivilege("running a container needs root")
    runtime_of(context)
    if request.revision is not None:
        return _run_throwaway(context, request)
    return _run_here(context, request)


def _run_here(context: Context, request: RunRequest) -> RunResult:
    hooks = hooks_of(context)
    with context.changing_worktree():
        hooks.run("pre-run")
        ensure_mounted(context)
        if (other := running(context)) is not None:
            raise ContainerRunning(
                f"the container {other} runs in the worktree '{context.worktree.name}' already",
                hint="use --rev HEAD for a throwaway copy, or another worktree",
            )
        base = context.worktree.record.base
        assert base is not None
        spec = _container(context, request, context.worktree.mountpoint, context.store.commits.read(base))
        bundle = Bundle.create(_bundle_folder(context, spec.id), spec)
        targets = tuple((os.fsdecode(target.path), target.is_dir) for target in missing_targets(bundle.spec))
        known = context.worktree.record.targets
        note_container(context, spec.id.name, (*known, *(target for target in targets if target not in known)))
    try:
        result = runtime_of(context).run(bundle, stdio=request.stdio, seconds=request.seconds)
    finally:
        bundle.remove()
        forget_container(context, spec.id.name)
    hooks.run("post-run")
    return result


def _run_throwaway(context: Context, request: RunRequest) -> RunResult:
    assert request.revision is not None
    commit = context.read(request.revision)
    with context.store.lock.in_use(), _throwaway(context, commit.id) as rootfs:
        return run_in(context, request, rootfs, commit)[0]


def run_in(
    context: Context, request: RunRequest, rootfs: Path, commit: ImageCommit
) -> tuple[RunResult, tuple[tuple[str, bool], ...]]:
    """Runs a command in a rootfs that nobody else knows, with a commit's image config.

    Returns:
        How it ended, and the mount targets that the runtime left there: path and "is a directory".
    """
    spec = _container(context, request, rootfs, commit)
    bundle = Bundle.create(_bundle_folder(context, spec.id), spec)
    targets = tuple((os.fsdecode(target.path), target.is_dir) for target in missing_targets(bundle.spec))
    try:
        return runtime_of(context).run(bundle, stdio=request.stdio, seconds=request.seconds), targets
    finally:
        bundle.remove()


@contextmanager
def _throwaway(context: Context, commit: CommitId) -> Iterator[Path]:
    """A mounted rootfs that nobody keeps."""
    with context.store.staging("run") as staging:
        prepare_write_layer(context, staging, commit)
        rootfs = staging / "rootfs"
        mount = WorktreeMount(rootfs)
        lower = context.store.layers.stack(commit, context.progress)
        userxattr = context.namespace is XattrNamespace.USER
        mount.attach(OverlaySpec(lower, staging / "upper", staging / "work", userxattr=userxattr, volatile=True))
        try:
            yield rootfs
        finally:
            mount.detach_now()


def _bundle_folder(context: Context, container: ContainerId) -> Path:
    return state_folder(context) / "bundles" / container.name


def _container(context: Context, request: RunRequest, rootfs: Path, commit: ImageCommit) -> ContainerSpec:
    config = context.store.commits.config(commit)
    container = ContainerId.random()
    hostname = request.hostname or container.name
    user = resolve_user(rootfs, request.user if request.user is not None else config.user)
    process = Process(
        argv=_argv(request, config),
        env=environment(
            config.env, request.env, hostname=hostname, home=user.home, term=request.term if request.tty else None
        ),
        cwd=request.workdir or config.workdir,
        user=user,
        tty=request.tty,
        size=request.size,
    )
    return ContainerSpec(
        id=container,
        rootfs=rootfs.resolve(),
        process=process,
        hostname=hostname,
        binds=tuple(_bind(volume) for volume in request.volumes),
        read_only=request.read_only,
        network=_network(request.network),
    )


def _argv(request: RunRequest, config: ImageConfig) -> tuple[str, ...]:
    """The command line, put together as Docker does: a new entrypoint drops the image's default arguments."""
    if request.entrypoint is not None:
        return (*([request.entrypoint] if request.entrypoint else []), *request.argv)
    return (*config.entrypoint, *(request.argv or config.cmd))


def _bind(volume: str) -> Bind:
    source, _, rest = volume.partition(":")
    destination, _, mode = rest.partition(":")
    if not source or not destination or mode not in ("", "ro", "rw"):
        raise UsageError(f"cannot read the volume {volume!r}", hint="write SOURCE:DESTINATION or SOURCE:DESTINATION:ro")
    return Bind.of(Path(source).absolute(), destination, read_only=mode == "ro")


def _network(name: str) -> Network:
    try:
        return Network(name)
    except ValueError as exc:
        known = ", ".join(network.value for network in Network)
        raise UsageError(f"unknown network '{name}'", hint=f"known networks: {known}") from exc
