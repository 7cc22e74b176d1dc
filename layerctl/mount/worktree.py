"""One worktree's mount: putting it there, taking it away, and swapping it without a gap."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from layerctl.errors import Conflict, MachineLacks, MountpointInUse
from layerctl.mount import syscalls
from layerctl.mount.overlay import OverlaySpec, mount_detached
from layerctl.mount.syscalls import MNT_DETACH, Command, MoveFlag
from layerctl.mount.table import Mount, mount_at, read_mounts, users

_NO_BENEATH = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM}


class WorktreeMount:
    """The mount at one mount point.

    Args:
        mountpoint: absolute path, without symlinks.
    """

    def __init__(self, mountpoint: Path) -> None:
        self._path = mountpoint

    @property
    def path(self) -> Path:
        """The mount point."""
        return self._path

    @property
    def current(self) -> Mount | None:
        """The overlay mounted there now."""
        found = mount_at(self._path)
        return found if found is not None and found.filesystem == "overlay" else None

    @property
    def has_leftover(self) -> bool:
        """Whether a swap was interrupted: the new mount is there, beneath the old one."""
        wanted = os.fspath(self._path)
        found = [mount for mount in read_mounts() if mount.mountpoint == wanted and mount.filesystem == "overlay"]
        return len(found) > 1

    def finish_swap(self) -> None:
        """Takes away what an interrupted swap left on top."""
        while self.has_leftover:
            self._detach()

    def attach(self, spec: OverlaySpec) -> None:
        """Mounts where nothing is mounted yet.

        Raises:
            MountpointInUse: something else is there.
        """
        self.prepare()
        fd = mount_detached(spec)
        try:
            syscalls.move_mount(fd, os.fspath(self._path))
        finally:
            os.close(fd)

    def prepare(self) -> None:
        """Makes the mount point's folder; refuses one that holds anything.

        Raises:
            MountpointInUse: it holds files, is no directory, or is a mount point already.
            MachineLacks: it cannot be made there.
        """
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            if mount_at(self._path) is not None:
                raise MountpointInUse(f"something is mounted at {self._path} already")
            if os.listdir(self._path):
                raise MountpointInUse(f"the mount point {self._path} is not empty")
        except (FileExistsError, NotADirectoryError) as exc:
            raise MountpointInUse(f"the mount point {self._path} is not a directory") from exc
        except OSError as exc:
            raise MachineLacks(
                f"cannot make the mount point {self._path}: {exc.strerror}", hint="use --at DIR to mount somewhere else"
            ) from exc

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """:meth:`prepare` for something that may yet fail: a folder that was made goes away again then."""
        existed = self._path.exists()
        self.prepare()
        try:
            yield
        except BaseException:
            if not existed:
                with suppress(OSError):
                    self._path.rmdir()
            raise

    def is_used(self, upper: Path) -> bool:
        """Whether some process visibly uses the mount, another mount of it, or the write layer below it."""
        current = self.current
        if current is None:
            return False
        others = any(mount.device == current.device and mount != current for mount in read_mounts())
        return others or next(users(current, upper), None) is not None

    def make_read_only(self) -> bool:
        """Makes the superblock read-only for everybody, in every mount namespace and behind every descriptor.

        The kernel does that only if no file is open for writing anywhere and nothing is mapped shared and writable,
        so afterwards it is certain that nobody can change the write layer. It writes dirty data back, too.

        Returns:
            False if somebody holds a file open for writing; nothing was changed then.
        """
        return self._reconfigure("ro")

    def make_writable(self) -> None:
        """Takes :meth:`make_read_only` back."""
        if not self._reconfigure("rw"):
            raise Conflict(f"the mount at {self._path} cannot be made writable again", hint="check it out again")

    def swap(self, spec: OverlaySpec, aside: Path | None = None) -> None:
        """Replaces the mount with another one; whoever uses the old one keeps it.

        The new mount is put beneath the old one, which is then moved to ``aside`` or detached, so that at no instant
        the mount point is empty (Linux 6.5). Where the kernel or the propagation forbids it, the old one is detached
        first.

        Args:
            spec: the new mount.
            aside: an empty directory of ours for the old mount; None detaches it.
        """
        fd = mount_detached(spec)
        try:
            beneath = self._attach_beneath(fd)
            self._take_away(aside)
            if not beneath:
                syscalls.move_mount(fd, os.fspath(self._path))
        finally:
            os.close(fd)

    def bring_back(self, aside: Path) -> bool:
        """Puts a mount that :meth:`swap` moved aside back in its place; the present one is detached.

        Returns:
            False if there is no such mount any more.
        """
        if mount_at(aside) is None:
            return False
        if self.current is None:
            syscalls.move_mount(os.fspath(aside), os.fspath(self._path))
            return True
        try:
            syscalls.move_mount(os.fspath(aside), os.fspath(self._path), MoveFlag.BENEATH)
            self._detach()
        except OSError as exc:
            if exc.errno not in _NO_BENEATH:
                raise
            self._detach()
            syscalls.move_mount(os.fspath(aside), os.fspath(self._path))
        return True

    def detach(self) -> None:
        """Takes the mount away; whoever uses it keeps it. Does nothing if nothing is mounted."""
        if self.current is not None:
            self._detach()

    def detach_now(self) -> None:
        """Takes the mount away and waits until it is gone, unless somebody uses it. For mounts nobody keeps."""
        if self.current is not None:
            syscalls.umount(os.fspath(self._path), MNT_DETACH)

    def _attach_beneath(self, fd: int) -> bool:
        try:
            syscalls.move_mount(fd, os.fspath(self._path), MoveFlag.BENEATH)
        except OSError as exc:
            if exc.errno not in _NO_BENEATH:
                raise
            return False
        return True

    def _take_away(self, aside: Path | None) -> None:
        if aside is not None:
            try:
                syscalls.move_mount(os.fspath(self._path), os.fspath(aside))
            except OSError as exc:
                if exc.errno != errno.EINVAL:  # the parent mount is shared
                    raise
            else:
                from layerctl.mount.background import release_aside  # noqa: PLC0415 (who only looks does without)

                release_aside(aside)
                return
        self._detach()

    def _detach(self) -> None:
        """Detaches without waiting: tearing an overlay down writes back everything dirty below it.

        A child process holds the last reference, and its end, not ours, pays for that.
        """
        from layerctl.mount.background import held  # noqa: PLC0415 (who only looks does without)

        with held(self._path):
            syscalls.umount(os.fspath(self._path), MNT_DETACH)

    def _reconfigure(self, flag: str) -> bool:
        context = syscalls.fspick(os.fspath(self._path))
        try:
            syscalls.fsconfig(context, Command.SET_FLAG, flag)
            syscalls.fsconfig(context, Command.RECONFIGURE)
        except OSError as exc:
            if exc.errno == errno.EBUSY:
                return False
            raise
        finally:
            os.close(context)
        return True


def unmount_below(folder: Path) -> bool:
    """Unmounts everything below a folder; returns False if something there is in use and stays."""
    for mount in reversed(read_mounts()):
        if Path(mount.mountpoint).is_relative_to(folder):
            try:
                syscalls.umount(mount.mountpoint)
            except OSError as exc:
                if exc.errno not in (errno.EBUSY, errno.EPERM):
                    raise
                return False
    return True


def release_all_aside(folder: Path) -> None:
    """Tries again with every mount that was moved aside somewhere below a folder."""
    for mount in read_mounts():
        if Path(mount.mountpoint).is_relative_to(folder):
            from layerctl.mount.background import release_aside  # noqa: PLC0415 (who only looks does without)

            release_aside(Path(mount.mountpoint))
