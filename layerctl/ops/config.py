"""``config``: settings, kept in the Git repository's config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.errors import UsageError
from layerctl.model.imports import ImportLimits
from layerctl.values import field_names

if TYPE_CHECKING:
    from layerctl.ops.context import Context


def get_config(context: Context, key: str) -> str | None:
    """See :meth:`layerctl.ops.repository.Repository.get_config`."""
    return context.store.git.config_get(key)


def set_config(context: Context, key: str, value: str | None) -> None:
    """See :meth:`layerctl.ops.repository.Repository.set_config`."""
    with context.store.lock.in_use(), context.store.lock.apply():
        context.store.git.config_set(key, value)


def list_config(context: Context) -> list[tuple[str, str]]:
    """See :meth:`layerctl.ops.repository.Repository.list_config`."""
    return context.store.git.config_list()


def import_limits(context: Context) -> ImportLimits:
    """The bounds for imports: ``import.maxBytes`` and so on, else the defaults.

    Raises:
        UsageError: a configured bound is no number.
    """
    chosen = {}
    for name in field_names(ImportLimits):
        head, *rest = name.split("_")
        key = "import." + head + "".join(word.capitalize() for word in rest)
        value = context.store.git.config_get(key)
        if value is None:
            continue
        if not value.isdigit() or int(value) < 1:
            raise UsageError(f"the config value {key} must be a whole number above 0, not {value!r}")
        chosen[name] = int(value)
    return ImportLimits(**chosen)
