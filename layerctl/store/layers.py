"""The layers of a repository, and which of them make up a commit's rootfs.

A rootfs is its commit's layers over each other. overlayfs takes 500 and slows down with each, so a history longer
than :data:`MAX_MOUNTED` is mounted through *compacted* layers: each stands for a run of 4, 16, 64 … commits that ends
at a multiple of its length above the base image, and is made of hard links to the files of the layers it merges. The
depth of a commit, written in base 4, has as many layers as the sum of its digits.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Damaged
from layerctl.layer.handles import open_regular
from layerctl.layer.xattrs import XattrNamespace
from layerctl.model.ids import CommitId, LayerId
from layerctl.model.progress import Progress, silent
from layerctl.store.record import load_record
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.commit import ImageCommit
    from layerctl.model.scan import RootPath
    from layerctl.store.commits import CommitStore
    from layerctl.store.durable import Durability
    from layerctl.store.git import GitRepository
    from layerctl.store.layout import Layout

MAX_MOUNTED = 24
_RADIX = 4
#: In place of a descriptor: a whiteout, a directory, a symlink or the like is in the way.
_HIDDEN = -1
_NO_FILE = {errno.ENOTDIR, errno.ELOOP, errno.EISDIR}


@frozen
class Run:
    """A row of commits along first parents that one directory stands for.

    Attributes:
        fs: the directory.
        below: the commit under the row; None under the base image.
    """

    fs: Path
    below: CommitId | None


class LayerStore:
    """Finds, compacts and opens layers.

    Args:
        layout: the repository's folders.
        git: for snapshots.
        commits: for histories.
        durability: how hard compacted layers are synced.
        namespace: spelling of escaped attributes.
    """

    def __init__(
        self,
        layout: Layout,
        git: GitRepository,
        commits: CommitStore,
        durability: Durability,
        namespace: XattrNamespace = XattrNamespace.TRUSTED,
    ) -> None:
        self._layout = layout
        self._git = git
        self._commits = commits
        self._durability = durability
        self._namespace = namespace

    def folder(self, layer: LayerId) -> Path:
        """A layer's own folder."""
        return self._layout.layers / layer.hex

    def fs(self, layer: LayerId) -> Path:
        """A layer's directory, for overlayfs."""
        return self.folder(layer) / "fs"

    def stack(self, commit: CommitId, progress: Progress = silent) -> tuple[Path, ...]:
        """The directories that make up a commit's rootfs, topmost first; never more than a couple of dozen.

        Makes compacted layers where the history is too long without them.

        Raises:
            Damaged: a layer is missing.
        """
        found = self._walk(commit, self._existing)
        if len(found) > MAX_MOUNTED:
            found = self._walk(commit, lambda commit, level: self._compacted(commit, level, progress))
        missing = next((path for path in found if not path.is_dir()), None)
        if missing is not None:
            raise Damaged(f"the layer {missing.parent.name} of commit {commit.short} is missing")
        return found

    def existing_stack(self, commit: CommitId) -> tuple[Path, ...]:
        """What :meth:`stack` gives if that needs nothing made; else what there is of it, and the layers themselves."""
        return self._walk(commit, self._existing)

    def all_layers(self, commit: CommitId) -> Iterator[ImageCommit]:
        """The commits along first parents, newest first."""
        here: CommitId | None = commit
        while here is not None:
            found = self._commits.read(here)
            yield found
            here = found.parent

    @contextmanager
    def open_stack(self, commit: CommitId | None, above: tuple[Path, ...] = ()) -> Iterator[list[int]]:
        """Descriptors of the directories that make up a rootfs, topmost first; of ``above`` alone without a commit."""
        with ExitStack() as stack:
            below = self.stack(commit) if commit is not None else ()
            yield [open_root(stack, path) for path in (*above, *below)]

    @contextmanager
    def open_file(self, commit: CommitId, path: RootPath, above: tuple[Path, ...] = ()) -> Iterator[int | None]:
        """A descriptor of a regular file in a commit's rootfs; None if there is none.

        Raises:
            Damaged: a layer is missing.
        """
        fd = next((fd for folder in (*above, *self.holders(commit)) if (fd := _find(folder, path)) is not None), None)
        try:
            yield fd if fd != _HIDDEN else None
        finally:
            if fd is not None and fd != _HIDDEN:
                os.close(fd)

    def holders(self, commit: CommitId) -> Iterator[Path]:
        """The directories that hold a commit's files, topmost first, to read in: as many as there are, none made."""
        seen: set[Path] = set()
        here: CommitId | None = commit
        while here is not None:
            image = self._commits.read(here)
            run = self._longest(image, self._existing) or Run(self.fs(image.layer.id), image.parent)
            if run.fs not in seen:
                yield run.fs
            seen.add(run.fs)
            here = run.below

    def _walk(self, commit: CommitId, run_at: Callable[[ImageCommit, int], Run | None]) -> tuple[Path, ...]:
        found: list[Path] = []
        here: CommitId | None = commit
        while here is not None:
            image = self._commits.read(here)
            run = self._longest(image, run_at) or Run(self.fs(image.layer.id), image.parent)
            if run.fs in found:  # overlayfs refuses the same directory twice
                run = self._twin(image, run)
            found.append(run.fs)
            here = run.below
        return tuple(found)

    def _longest(self, image: ImageCommit, run_at: Callable[[ImageCommit, int], Run | None]) -> Run | None:
        level, depth = 0, image.layer.depth
        while depth and depth % _RADIX ** (level + 1) == 0:
            level += 1
        for candidate in range(level, 0, -1):
            run = run_at(image, candidate)
            if run is not None:
                return run
        return None

    def _twin(self, image: ImageCommit, run: Run) -> Run:
        """Another directory like a single layer's: a change can come twice in one history, empty ones do."""
        below = self._commits.read(run.below) if run.below is not None else None
        return self._existing(image, 0) or self._merge(image, 0, [run], below, silent)

    def _existing(self, image: ImageCommit, level: int) -> Run | None:
        folder = self._run_folder(image, level)
        path = folder / "run.json"
        if not path.is_file():
            return None
        record = load_record(path.read_bytes(), path)
        return Run(folder / "fs", CommitId(record["below"]) if record["below"] is not None else None)

    def _run_folder(self, image: ImageCommit, level: int) -> Path:
        return self._layout.compacted / f"{image.id}-{level}"

    def _compacted(self, image: ImageCommit, level: int, progress: Progress) -> Run:
        existing = self._existing(image, level)
        if existing is not None:
            return existing
        parts: list[Run] = []
        here = image
        for _ in range(_RADIX):
            if level == 1:
                part = Run(self.fs(here.layer.id), here.parent)
            else:
                part = self._compacted(here, level - 1, progress)
            parts.append(part)
            assert part.below is not None  # depth is a multiple of the run's length, so a base image lies below
            here = self._commits.read(part.below)
        return self._merge(image, level, parts, here, progress)

    def _merge(
        self, image: ImageCommit, level: int, parts: list[Run], below: ImageCommit | None, progress: Progress
    ) -> Run:
        from layerctl.store.compaction import Compaction, compact  # noqa: PLC0415 - hardly any verb makes one

        base = below.id if below is not None else None
        target = self._run_folder(image, level)
        compact(
            Compaction(image, below, tuple(part.fs for part in parts), target),
            self._git,
            lambda: self._walk(base, self._existing) if base is not None else (),
            staging=self._layout.tmp / f"compact-{target.name}-{os.getpid()}",
            durability=self._durability,
            namespace=self._namespace,
            progress=progress,
        )
        return Run(target / "fs", base)


def open_root(stack: ExitStack, path: Path) -> int:
    """A layer's directory, open for as long as the stack is."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    stack.callback(os.close, fd)
    return fd


def _find(folder: Path, path: RootPath) -> int | None:
    """A file in one layer; :data:`_HIDDEN` if the layer has something else there, None if what is below shows."""
    try:
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as exc:
        raise Damaged(f"the layer {folder.parent.name} is missing") from exc
    try:
        return open_regular(root, path)
    except FileNotFoundError:
        return None
    except OSError as exc:
        if exc.errno in _NO_FILE:
            return _HIDDEN
        raise
    finally:
        os.close(root)
