"""Verbs that keep a repository in order."""

from __future__ import annotations

from pathlib import Path

from layerctl.model import results
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

    @staticmethod
    def doctor(search_path: str | None = None, directory: Path | None = None) -> list[results.Check]:
        """What this machine can and cannot do for layerctl."""
        from layerctl.ops.doctor import doctor  # noqa: PLC0415

        return doctor(search_path, directory)
