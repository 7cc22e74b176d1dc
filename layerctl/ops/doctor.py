"""``doctor``: what this machine can and cannot do."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from layerctl.errors import LayerctlError
from layerctl.model.results import Check
from layerctl.mount.overlay import OverlaySpec
from layerctl.mount.table import mount_at
from layerctl.mount.worktree import WorktreeMount
from layerctl.runtime import find_runtime

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_OLDEST = (5, 11)


def doctor(search_path: str | None, directory: Path | None) -> list[Check]:
    """See :meth:`layerctl.ops.repository.Repository.doctor`."""
    path = search_path or _DEFAULT_PATH
    place = directory or Path(tempfile.gettempdir())
    return [
        _privilege(),
        _kernel(),
        _overlay(place),
        _beneath(),
        _atomic(place),
        _runtime(path),
        _program("git", path, "reads the repository with plain Git"),
        _space(place),
    ]


def _privilege() -> Check:
    root = os.geteuid() == 0
    return Check("root", root, "running as root" if root else "not running as root", "run it with sudo")


def _version() -> tuple[int, int]:
    major, minor = platform.release().split("-")[0].split(".")[:2]
    return int(major), int(minor)


def _kernel() -> Check:
    return Check("kernel", _version() >= _OLDEST, f"Linux {platform.release()}", "use Linux 5.11 or newer")


def _beneath() -> Check:
    ok = _version() >= (6, 5)
    detail = "mounts are replaced without a gap" if ok else "the mount point is empty for an instant during a swap"
    return Check("atomic swap", ok, detail, "use Linux 6.5 or newer", needed=False)


def _overlay(place: Path) -> Check:
    return _try("overlayfs", place, lambda mount, spec: mount.attach(spec), f"works in {place}")


def _atomic(place: Path) -> Check:
    def swap(mount: WorktreeMount, spec: OverlaySpec) -> None:
        mount.attach(spec)
        if not mount.make_read_only():
            raise LayerctlError("a fresh overlay cannot be made read-only")

    return _try("sealing", place, swap, "a write layer can be proven quiet")


def _try(name: str, place: Path, attempt: Callable[[WorktreeMount, OverlaySpec], None], works: str) -> Check:
    try:
        with _scratch(place) as (mount, spec):
            attempt(mount, spec)
    except LayerctlError as exc:
        return Check(name, False, exc.message, exc.hint)
    except OSError as exc:
        return Check(name, False, f"{exc.strerror}: {exc.filename or place}", "check the directory's permissions")
    return Check(name, True, works)


@contextmanager
def _scratch(place: Path) -> Iterator[tuple[WorktreeMount, OverlaySpec]]:
    folder = Path(tempfile.mkdtemp(prefix=".layerctl-doctor-", dir=place))
    try:
        for name in ("lower", "upper", "work", "rootfs"):
            (folder / name).mkdir()
        mount = WorktreeMount(folder / "rootfs")
        yield mount, OverlaySpec((folder / "lower",), folder / "upper", folder / "work")
        if mount_at(folder / "rootfs") is not None:
            mount.detach_now()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _runtime(path: str) -> Check:
    try:
        found = find_runtime(search_path=path)
    except LayerctlError as exc:
        return Check("OCI runtime", False, exc.message, exc.hint)
    return Check("OCI runtime", True, str(found))


def _program(name: str, path: str, use: str) -> Check:
    found = shutil.which(name, path=path)
    return Check(name, found is not None, found or "not found", f"install {name}: it {use}", needed=False)


def _space(place: Path) -> Check:
    free = shutil.disk_usage(place).free
    return Check("free space", free > 1 << 30, f"{free / (1 << 30):.1f} GiB in {place}", "free some", needed=False)
