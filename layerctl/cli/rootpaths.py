"""From paths as users type them to paths of the rootfs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import NotFound

if TYPE_CHECKING:
    from layerctl.model.scan import RootPath
    from layerctl.ops.repository import Repository

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def root_path(text: str, mountpoint: Path | None = None, here: Path | None = None) -> RootPath:
    """A path relative to the rootfs.

    Args:
        text: ``/etc``, ``etc`` or ``./etc`` in the rootfs; or a path of the host, absolute or relative to ``here``,
            that lies below the mount point. Symlinks are not followed: they mean something else inside.
        mountpoint: where the rootfs is mounted.
        here: the working directory.
    """
    if mountpoint is not None and here is not None:
        on_host = os.path.normpath(os.path.join(here, text))
        top = os.path.normpath(mountpoint)
        if on_host == top or on_host.startswith(top.rstrip("/") + "/"):
            return os.fsencode(os.path.relpath(on_host, top)) if on_host != top else b""
    return os.fsencode(os.path.normpath("/" + text).lstrip("/"))


def root_paths(repository: Repository, texts: Iterable[str]) -> list[RootPath]:
    """Paths for a verb of this repository."""
    mountpoint, here = Path(os.path.realpath(repository.mountpoint)), Path.cwd()
    return [root_path(text, mountpoint, here) for text in texts]


def revisions_and_paths(
    repository: Repository, words: Sequence[str], after_dashes: Sequence[str] | None
) -> tuple[list[str], list[RootPath]]:
    """Splits arguments as Git does.

    What follows ``--`` are paths; without ``--``, the first word that is no revision but a path in the rootfs, and all
    words after it.
    """
    if after_dashes is not None:
        return list(words), root_paths(repository, after_dashes)
    for index, word in enumerate(words):
        if _is_path(repository, word):
            return list(words[:index]), root_paths(repository, words[index:])
    return list(words), []


def _is_path(repository: Repository, word: str) -> bool:
    [path] = root_paths(repository, [word])
    if not path or not _is_there(repository.mountpoint, path):
        return False
    try:
        repository.resolve(word)
    except NotFound:
        return True
    return False


def _is_there(mountpoint: Path, path: RootPath) -> bool:
    """Whether a rootfs has a path; a symlink on the way, which could lead to the host, is not followed."""
    *parents, name = path.split(b"/")
    fds: list[int] = []
    try:
        fds.append(os.open(os.path.realpath(mountpoint), _FOLDER))
        for parent in parents:
            fds.append(os.open(parent, _FOLDER, dir_fd=fds[-1]))
        os.stat(name, dir_fd=fds[-1], follow_symlinks=False)
    except OSError:
        return False
    finally:
        for fd in fds:
            os.close(fd)
    return True
