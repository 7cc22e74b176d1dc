"""Overlay mounts: composing them, and telling what the kernel says when it refuses.

Source: kernel ``Documentation/filesystems/overlayfs.rst``.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from layerctl.errors import LayerctlError, MachineLacks, NoKernelFeature, NoPrivilege, NoSpace
from layerctl.mount import syscalls
from layerctl.mount.syscalls import Command, MountAttr
from layerctl.values import frozen

MAX_LOWER = 500
#: Never what a distribution's default may be: a redirect or a metadata-only copy makes a write layer half a diff.
_ALWAYS = {"redirect_dir": "nofollow", "metacopy": "off", "index": "off"}
_LONGEST_STRING = 255


@frozen
class OverlaySpec:
    """What to mount.

    Attributes:
        lower: layer directories, topmost first; at least one, at most 500.
        upper: the write layer; None mounts read-only and then needs two layers.
        work: overlayfs's own work directory, on the same filesystem as ``upper``.
        userxattr: keep marks in ``user.overlay.*`` (inside a user namespace).
        volatile: skip all syncs of the upper filesystem.
        read_only: nobody may write, although there is a write layer.
    """

    lower: tuple[Path, ...]
    upper: Path | None = None
    work: Path | None = None
    userxattr: bool = False
    volatile: bool = False
    read_only: bool = False


def mount_detached(spec: OverlaySpec) -> int:
    """Makes an overlay mount that is nowhere yet.

    Returns:
        Its descriptor, for :func:`layerctl.mount.syscalls.move_mount`.

    Raises:
        NoPrivilege: not allowed.
        NoKernelFeature: the kernel has no overlayfs, or cannot do what is asked.
        MachineLacks: the filesystem below cannot carry it.
    """
    with _explained(spec), _alone_with(spec.upper), _context() as context:
        try:
            _configure(context, spec)
            syscalls.fsconfig(context, Command.CREATE)
        except OSError as exc:
            exc.filename = syscalls.context_messages(context)
            raise
        return syscalls.fsmount(context, MountAttr.RDONLY if spec.read_only else MountAttr.NONE)


def is_upper_in_use(upper: Path, scratch: Path) -> bool:
    """Whether any overlay superblock on this machine, even a detached one, still writes to an upperdir.

    The kernel marks an upperdir in use for as long as its superblock lives, and with ``index=on`` refuses a second
    one with EBUSY. The probe names the same directory as upper and work directory, which the kernel refuses right
    after that test, so it never mounts or changes anything.

    Args:
        upper: the write layer.
        scratch: any other directory on the machine, as the lower layer.
    """
    if not upper.is_dir():
        return False
    with _alone_with(upper), _context() as context:
        syscalls.fsconfig(context, Command.SET_STRING, "index", "on")
        try:
            _set_lower(context, (scratch,))
            _set_dir(context, "upperdir", upper)
            _set_dir(context, "workdir", upper)
            syscalls.fsconfig(context, Command.CREATE)
        except OSError as exc:
            return exc.errno != errno.EINVAL  # whatever else stopped it, it is no proof
    return False


@contextmanager
def _alone_with(upper: Path | None) -> Iterator[None]:
    """Keeps a probe and a mount apart: a mount that meets the mark of a probe goes without one of its own."""
    if upper is None:
        yield
        return
    fd = os.open(upper, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@contextmanager
def _context() -> Iterator[int]:
    try:
        fd = syscalls.fsopen("overlay")
    except OSError as exc:
        raise _translate(exc, 0) from exc
    try:
        yield fd
    finally:
        os.close(fd)


def _configure(context: int, spec: OverlaySpec) -> None:
    for key, value in _ALWAYS.items():
        syscalls.fsconfig(context, Command.SET_STRING, key, value)
    if spec.userxattr:
        syscalls.fsconfig(context, Command.SET_FLAG, "userxattr")
    if spec.read_only:
        syscalls.fsconfig(context, Command.SET_FLAG, "ro")
    elif spec.volatile and spec.upper:
        syscalls.fsconfig(context, Command.SET_FLAG, "volatile")
    _set_lower(context, spec.lower)
    if spec.upper and spec.work:
        _set_dir(context, "upperdir", spec.upper)
        _set_dir(context, "workdir", spec.work)


def _set_lower(context: int, layers: Sequence[Path]) -> None:
    """Layers one by one, by descriptor (6.13) or by path (6.8); all in one string before that."""
    done = 0
    try:
        for layer in layers:
            _set_dir(context, "lowerdir+", layer)
            done += 1
    except OSError as exc:
        if exc.errno != errno.EINVAL or done:
            raise
        joined = ":".join(_escape(layer) for layer in layers)
        if len(joined) > _LONGEST_STRING:
            raise NoKernelFeature(
                f"this kernel takes all layers in one string of {_LONGEST_STRING} bytes, and they need {len(joined)}",
                hint="use Linux 6.8 or newer, or a shorter path to the repository",
            ) from exc
        syscalls.fsconfig(context, Command.SET_STRING, "lowerdir", joined)


def _set_dir(context: int, key: str, path: Path) -> None:
    fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        syscalls.fsconfig(context, Command.SET_FD, key, fd)
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise
        syscalls.fsconfig(context, Command.SET_STRING, key, os.fspath(path))
    finally:
        os.close(fd)


def _escape(path: Path) -> str:
    text = os.fspath(path).replace("\\", "\\\\").replace(":", "\\:")
    return text.replace(",", "\\,")


@contextmanager
def _explained(spec: OverlaySpec) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise _translate(exc, len(spec.lower)) from exc


def _translate(error: OSError, layers: int) -> LayerctlError:
    reason = error.filename if isinstance(error.filename, str) and error.filename else error.strerror
    if error.errno in (errno.EPERM, errno.EACCES):
        return NoPrivilege(f"mounting an overlay is not permitted: {reason}")
    if error.errno in (errno.ENODEV, errno.ENOSYS):
        return NoKernelFeature("this kernel has no overlayfs", hint="load it with 'modprobe overlay'")
    if error.errno == errno.ENOSPC:
        return NoSpace(
            "no space to mount the overlay", hint="free some space; 'layerctl checkout' mounts what HEAD is now"
        )
    if error.errno == errno.EINVAL:
        return MachineLacks(
            f"the kernel refuses to mount the overlay over {layers} layers: {reason}",
            hint="the repository must lie on a filesystem that can carry an overlay (ext4, xfs, btrfs, tmpfs)",
        )
    return MachineLacks(f"cannot mount the overlay: {reason}")
