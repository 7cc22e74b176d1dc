"""Verbs that keep a repository in order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.model.progress import Progress, silent

if TYPE_CHECKING:
    from layerctl.model import results
    from layerctl.model.hook import HookInfo, HookRun
    from layerctl.model.problem import FsckResult
    from layerctl.ops.context import Context


class Upkeep:
    """A part of :class:`layerctl.ops.repository.Repository`."""

    _context: Context

    def get_config(self, key: str) -> str | None:
        """One config value, or None."""
        from layerctl.ops.config import get_config  # noqa: PLC0415

        return get_config(self._context, key)

    def set_config(self, key: str, value: str | None) -> None:
        """Sets or (None) removes a config value of the repository."""
        from layerctl.ops.config import set_config  # noqa: PLC0415

        set_config(self._context, key, value)

    def list_config(self) -> list[tuple[str, str]]:
        """The repository's own config values."""
        from layerctl.ops.config import list_config  # noqa: PLC0415

        return list_config(self._context)

    def list_hooks(self) -> list[HookInfo]:
        """Hooks and samples, in the order of events, and executables in the hooks folder that no event calls."""
        from layerctl.ops.hook import list_hooks  # noqa: PLC0415

        return list_hooks(self._context)

    def enable_hook(self, name: str) -> HookInfo:
        """Turns a sample on, or makes a hook executable; ``EVENT``, ``EVENT.NAME`` or just ``NAME``."""
        from layerctl.ops.hook import enable_hook  # noqa: PLC0415

        return enable_hook(self._context, name)

    def disable_hook(self, name: str) -> HookInfo:
        """Turns a hook off: it becomes a sample."""
        from layerctl.ops.hook import disable_hook  # noqa: PLC0415

        return disable_hook(self._context, name)

    def run_hook(self, name: str, arguments: Sequence[str] = (), *, stdin: bytes | None = None) -> list[HookRun]:
        """Tries the active hooks of an event, or one hook or sample.

        Args:
            name: an event, ``EVENT.NAME`` or just ``NAME``.
            arguments: for its command line; by default what its verb would give it.
            stdin: what it reads; by default what its verb would give it.
        """
        from layerctl.ops.hook import run_hook  # noqa: PLC0415

        return run_hook(self._context, name, arguments, stdin)

    @staticmethod
    def fsck(
        directory: Path,
        *,
        quick: bool = False,
        repair: bool = False,
        sources: Sequence[str] = (),
        progress: Progress = silent,
        holders: Sequence[int] = (),
    ) -> FsckResult:
        """Reads everything in a repository again and compares it with what it must be.

        Works on a repository that :meth:`open` refuses, too, and therefore needs none that is open.

        Args:
            directory: a directory in or below the repository's.
            quick: leave contents unread: compare names, sizes and metadata alone.
            repair: put right what can be derived from what is left; the rest stays as it is.
            sources: for a repair: directories, archives and images that may hold copies of lost files.
            progress: told how far the work is.
            holders: as of :meth:`open`.
        """
        from layerctl.ops.fsck import fsck  # noqa: PLC0415

        return fsck(directory, quick=quick, repair=repair, sources=sources, progress=progress, holders=holders)

    def gc(self, *, grace: str | None = None, dry_run: bool = False) -> results.GcResult:
        """Frees what nothing needs: old parked work and operations, and layers and Git objects that nothing leads to.

        Args:
            grace: how old it must be, such as ``2 weeks`` or ``now``; as configured by default.
            dry_run: only say what would go.
        """
        from layerctl.ops.gc import gc  # noqa: PLC0415

        return gc(self._context, grace=grace, dry_run=dry_run)

    def disk_usage(self) -> results.DiskUsage:
        """What the repository takes on disk, and what branches, tags, worktrees and commits hold of it."""
        from layerctl.ops.du import disk_usage  # noqa: PLC0415

        return disk_usage(self._context)

    @staticmethod
    def doctor(search_path: str | None = None, directory: Path | None = None) -> list[results.Check]:
        """What this machine can and cannot do for layerctl."""
        from layerctl.ops.doctor import doctor  # noqa: PLC0415

        return doctor(search_path, directory)
