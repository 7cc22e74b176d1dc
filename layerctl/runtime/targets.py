"""The mount targets that a runtime leaves in the write layer.

A runtime makes the directories and empty files that it mounts on: ``/proc``, ``/sys``, a bind's destination, the
working directory. In a rootfs that lacks them they land in the write layer, and would be committed. So: find out before
the run which ones will be made, and after it which of these nobody has touched.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import UnsafeRootfs
from layerctl.runtime.inside import LEADS_NOWHERE, open_inside
from layerctl.runtime.isolation import MOUNTS
from layerctl.runtime.spec import by_depth
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.scan import RootPath
    from layerctl.runtime.container import ContainerSpec

_MAX_LINKS = 255
#: Marks of overlayfs, and the label that SELinux puts on every file: nobody's change.
_SYSTEM_XATTRS = ("trusted.overlay.", "user.overlay.", "security.selinux")
#: What runc 1.1 and crun 1.8 create under umask 022; crun's directories are sometimes sticky.
_MODES = {True: {0o755, 0o1755}, False: {0o755, 0o700, 0o644}}


@frozen(order=True)
class Target:
    """Something that the runtime is about to create.

    Attributes:
        path: where, relative to the rootfs, symlinks resolved.
        is_dir: a directory; otherwise an empty file.
    """

    path: RootPath
    is_dir: bool


def missing_targets(spec: ContainerSpec) -> tuple[Target, ...]:
    """What the runtime will create in a rootfs in order to run a container; to be called before the run.

    Args:
        spec: the container, with the binds that :meth:`Bundle.create` added.

    Returns:
        Sorted by path: every parent comes before what is in it.
    """
    root = os.open(spec.rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    mounted: list[RootPath] = []
    missing: dict[RootPath, Target] = {}
    try:
        for destination, is_dir in _destinations(spec):
            path, created = _resolve(root, os.fsencode(destination), is_dir)
            if not any(path.startswith(above + b"/") for above in mounted):
                missing.update((target.path, target) for target in created if target.path not in missing)
            mounted.append(path)
    finally:
        os.close(root)
    return tuple(sorted(missing.values()))


def _destinations(spec: ContainerSpec) -> Iterator[tuple[str, bool]]:
    """In the order in which the runtime mounts; it makes the working directory after all of them."""
    for mount in MOUNTS:
        yield mount["destination"], True
    for bind in by_depth(spec.binds):
        yield bind.destination, bind.is_dir
    yield spec.process.cwd, True


def _resolve(root: int, destination: bytes, is_dir: bool) -> tuple[RootPath, list[Target]]:
    """Follows a destination inside the rootfs as runc's ``securejoin`` does: what is missing is taken literally."""
    todo = _parts(destination)
    done: list[bytes] = []
    created: list[Target] = []
    links = 0
    while todo:
        name = todo.pop()
        if name == b"..":
            done = done[:-1]
            continue
        path = b"/".join([*done, name])
        link = _look(root, path)
        if link is None:
            created.append(Target(path, is_dir or bool(todo)))
        if link and (links := links + 1) <= _MAX_LINKS:
            todo += _parts(link)
            done = [] if link.startswith(b"/") else done
        else:
            done.append(name)
    return b"/".join(done), created


def _parts(path: bytes) -> list[bytes]:
    """Components, last one first."""
    return [name for name in reversed(path.split(b"/")) if name not in (b"", b".")]


def _look(root: int, path: bytes) -> bytes | None:
    """None if there is nothing at a path free of symlinks; a symlink's target; else the empty string."""
    try:
        fd = open_inside(root, path, os.O_PATH | os.O_NOFOLLOW)
    except OSError as exc:
        if exc.errno in LEADS_NOWHERE:
            return None
        raise
    try:
        return os.readlink(b"", dir_fd=fd) if stat.S_ISLNK(os.fstat(fd).st_mode) else b""
    finally:
        os.close(fd)


def refuse_symlinks(rootfs: Path) -> None:
    """Makes sure that ``/dev``, ``/proc`` and ``/sys`` of a rootfs are directories, or nothing yet.

    Before it enters the rootfs, runc 1.1 makes ``/dev/fd``, ``/dev/stdin`` and the like by path, and replaces
    ``/dev/ptmx`` (``setupDevSymlinks``, ``setupPtmx``): if ``/dev`` were a symlink, it would do that on the host.

    Raises:
        UnsafeRootfs: one is a symlink.
    """
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in (b"dev", b"proc", b"sys"):
            link = _look(root, name)
            if link:
                raise UnsafeRootfs(
                    f"/{name.decode()} of the rootfs is a symlink to {os.fsdecode(link)!r}, which could lead an OCI"
                    " runtime out of the rootfs",
                    hint=f"'layerctl status' shows what changed; /{name.decode()} must be a directory",
                )
    finally:
        os.close(root)


def removable_targets(created: Iterable[Target], upper: int) -> frozenset[RootPath]:
    """Which of a runtime's mount targets are still as it made them, so that they are no change of the user's.

    Args:
        created: what :func:`missing_targets` said before the run.
        upper: descriptor of the write layer's directory.

    Returns:
        Paths to leave out of a commit: an empty file or directory of root's, or a directory with nothing but such.
    """
    removable: set[RootPath] = set()
    for target in sorted(created, reverse=True):
        if _is_untouched(upper, target, removable):
            removable.add(target.path)
    return frozenset(removable)


def _is_untouched(upper: int, target: Target, removable: set[RootPath]) -> bool:
    flags = os.O_DIRECTORY if target.is_dir else os.O_PATH
    try:
        fd = open_inside(upper, target.path, flags | os.O_NOFOLLOW, follow=False)
    except OSError as exc:
        if exc.errno in LEADS_NOWHERE:
            return False
        raise
    try:
        return _has_default_metadata(fd, target.is_dir) and (
            not target.is_dir or all(target.path + b"/" + os.fsencode(name) in removable for name in os.listdir(fd))
        )
    finally:
        os.close(fd)


def _has_default_metadata(fd: int, is_dir: bool) -> bool:
    info = os.fstat(fd)
    as_made = info.st_uid == info.st_gid == 0 and stat.S_IMODE(info.st_mode) in _MODES[is_dir]
    if not is_dir:
        as_made = as_made and stat.S_ISREG(info.st_mode) and info.st_size == 0 and info.st_nlink == 1
    return as_made and all(name.startswith(_SYSTEM_XATTRS) for name in os.listxattr(Path(f"/proc/self/fd/{fd}")))
