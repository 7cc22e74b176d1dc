"""What to run and how, as values."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import NotFound, UsageError
from layerctl.runtime.network import Network
from layerctl.runtime.user import ROOT, User
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.runtime.ids import ContainerId

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@frozen
class Process:
    """A command and who runs it where.

    Attributes:
        argv: the program and its arguments; the program is looked up in ``env``'s PATH.
        env: ``NAME=value`` pairs; see :func:`environment`.
        cwd: absolute; the runtime creates it where it is missing.
        user: see :func:`layerctl.runtime.resolve_user`.
        tty: give the command a terminal of its own.
        size: the terminal's columns and rows at the start; later the runtime follows the caller's. Without it a command
            that asks at once may see 0 × 0, as runc sets the size only after the start.
    """

    argv: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = "/"
    user: User = ROOT
    tty: bool = False
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not self.argv or not self.argv[0]:
            raise UsageError("no command to run", hint="name one, or set CMD in the image config")
        if not self.cwd.startswith("/"):
            raise UsageError(f"not an absolute working directory: {self.cwd!r}")


@frozen
class Bind:
    """A file or directory of the host, shown in the container; see :meth:`of`.

    Attributes:
        source: an absolute path on the host.
        destination: absolute, in the container.
        is_dir: what the source is, and so what is made where the destination is missing.
        read_only: holds for mounts below a directory too (Linux 5.12).
    """

    source: Path
    destination: str
    is_dir: bool
    read_only: bool = False

    def __post_init__(self) -> None:
        if not self.source.is_absolute() or not self.destination.startswith("/"):
            raise UsageError(f"a bind mount needs absolute paths, not {self.source}:{self.destination}")

    @classmethod
    def of(cls, source: Path, destination: str, *, read_only: bool = False) -> Bind:
        """Looks at the source first.

        Raises:
            NotFound: there is none.
        """
        try:
            mode = source.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"cannot bind {source}: there is no such file or directory") from None
        return cls(source, destination, stat.S_ISDIR(mode), read_only)


@frozen
class Limits:
    """Bounds on what a container uses; None for no bound.

    Attributes:
        memory: bytes, swap not counted.
        cpus: how many, such as 1.5.
        pids: processes and threads.
    """

    memory: int | None = None
    cpus: float | None = None
    pids: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("memory", self.memory), ("cpus", self.cpus), ("pids", self.pids)):
            if value is not None and value <= 0:
                raise UsageError(f"the {name} limit must be over zero, not {value}")


@frozen
class ContainerSpec:
    """One container.

    Attributes:
        id: names its cgroup, and its host if ``hostname`` is empty.
        rootfs: an absolute path without symlinks; runc refuses any other.
        process: what runs as pid 1.
        hostname: empty for the id.
        binds: mounted in order of depth.
        read_only: nothing can be written outside of ``binds`` and ``/dev``.
        limits: resources.
        network: what it can reach.
    """

    id: ContainerId
    rootfs: Path
    process: Process
    hostname: str = ""
    binds: tuple[Bind, ...] = ()
    read_only: bool = False
    limits: Limits = Limits()
    network: Network = Network.NONE

    def __post_init__(self) -> None:
        if not self.rootfs.is_absolute():
            raise UsageError(f"not an absolute path: {self.rootfs}")

    @property
    def host(self) -> str:
        """The container's host name."""
        return self.hostname or self.id.name


def environment(
    image: Iterable[str], given: Iterable[str], *, hostname: str, home: str, term: str | None
) -> tuple[str, ...]:
    """Merges a container's environment as Docker does.

    Args:
        image: ``NAME=value`` pairs of the image config; they win over the defaults.
        given: pairs of the call; they win over all.
        hostname: for HOSTNAME.
        home: for HOME.
        term: for TERM; None for a process without a terminal.

    Raises:
        UsageError: a pair without ``=`` or without a name.
    """
    merged: dict[str, str] = {}
    defaults = [_PATH, f"HOSTNAME={hostname}", f"HOME={home}", *([f"TERM={term}"] if term else [])]
    for pair in (*defaults, *image, *given):
        name, equals, _ = pair.partition("=")
        if not name or not equals:
            raise UsageError(f"an environment variable needs NAME=value, not {pair!r}")
        merged[name] = pair
    return tuple(merged.values())
