"""Where things are in a repository, and how a repository is found."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from layerctl.errors import RepositoryNotFound, UnsupportedFormat
from layerctl.values import frozen

REPOSITORY_DIR = ".layerctl"
FORMAT = "1"
_OVERLAYFS_MAGIC = 0x794C7630


@frozen
class Layout:
    """The folders of one repository.

    Attributes:
        root: absolute path of ``.layerctl``.
    """

    root: Path

    @property
    def format_file(self) -> Path:
        """Holds the format's number."""
        return self.root / "format"

    @property
    def git(self) -> Path:
        """The bare Git repository."""
        return self.root / "git"

    @property
    def layers(self) -> Path:
        """One folder a layer."""
        return self.root / "layers"

    @property
    def compacted(self) -> Path:
        """Merged runs of layers: derived data."""
        return self.layers / "compacted"

    @property
    def worktrees(self) -> Path:
        """One folder a worktree."""
        return self.root / "worktrees"

    @property
    def parked(self) -> Path:
        """Write layers set aside, one folder an operation."""
        return self.root / "parked"

    @property
    def hooks(self) -> Path:
        """The default place for hooks."""
        return self.root / "hooks"

    @property
    def journal(self) -> Path:
        """The pending operation and the operation log."""
        return self.root / "journal"

    @property
    def tmp(self) -> Path:
        """What is being made; garbage once its maker is gone."""
        return self.root / "tmp"

    @property
    def lock(self) -> Path:
        """The repository's lock file."""
        return self.root / "lock"

    @property
    def default_mountpoint(self) -> Path:
        """Where the default worktree is mounted."""
        return self.root.parent / "rootfs"

    def folders(self) -> tuple[Path, ...]:
        """Every folder that a repository has from the start."""
        return (self.layers, self.compacted, self.worktrees, self.parked, self.hooks, self.journal, self.tmp)


def find_repository(start: Path) -> Layout:
    """Finds the repository of a directory, upward as Git finds ``.git``.

    One that lies on an overlay mount is passed over as long as another follows further up: a container could have
    put it into its rootfs.

    Raises:
        RepositoryNotFound: there is none.
        UnsupportedFormat: a newer layerctl made it.
    """
    fallback: Layout | None = None
    for folder in (start, *start.parents):
        candidate = Layout(folder / REPOSITORY_DIR)
        if not candidate.format_file.is_file():
            continue
        if not _on_overlay(candidate.root):
            return check_format(candidate)
        fallback = fallback or candidate
    if fallback is not None:
        return check_format(fallback)
    raise RepositoryNotFound(f"not a layerctl repository (or any parent up to /): {start}")


def check_format(layout: Layout) -> Layout:
    """Returns the layout if this version can work with it.

    Raises:
        RepositoryNotFound: it is no repository.
        UnsupportedFormat: a newer layerctl made it.
    """
    try:
        found = layout.format_file.read_text().strip()
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise RepositoryNotFound(f"not a layerctl repository: {layout.root}") from exc
    if found != FORMAT:
        raise UnsupportedFormat(f"the repository has format {found!r}; this layerctl knows {FORMAT}")
    return layout


def _on_overlay(path: Path) -> bool:
    buffer = ctypes.create_string_buffer(256)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.statfs(os.fsencode(path), buffer) != 0:
        return False
    return ctypes.c_long.from_buffer(buffer).value == _OVERLAYFS_MAGIC
