"""What differs between two OCI image configs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from layerctl.model.change import ChangeKind
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.config import ImageConfig

#: Of every commit they differ; what they say is the history itself.
_LEFT_OUT = {"config", "created", "history", "rootfs"}
_ABSENT: tuple[Any, ...] = (None, "", [], {})


@frozen
class ConfigChange:
    """One setting that differs.

    Attributes:
        key: such as ``Cmd``, ``Env.PATH``, ``Labels.version`` or ``ExposedPorts.80/tcp``.
        old: JSON value before; None if it was not set.
        new: JSON value after; None if it is not set.
    """

    key: str
    old: Any
    new: Any

    @property
    def kind(self) -> ChangeKind:
        """Added, modified or deleted."""
        if self.old is None:
            return ChangeKind.ADDED
        return ChangeKind.DELETED if self.new is None else ChangeKind.MODIFIED


def compare_configs(old: ImageConfig, new: ImageConfig) -> tuple[ConfigChange, ...]:
    """Settings that differ, sorted by key."""
    before, after = _settings(old), _settings(new)
    return tuple(
        ConfigChange(key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    )


def _settings(config: ImageConfig) -> dict[str, Any]:
    found = {key: value for key, value in config.raw.items() if key not in _LEFT_OUT and value not in _ABSENT}
    inner = config.raw.get("config")
    for key, value in inner.items() if isinstance(inner, Mapping) else ():
        found |= _setting(key, value)
    return found


def _setting(key: str, value: Any) -> dict[str, Any]:
    """One field; variables, labels, ports and volumes each on their own."""
    if key == "Env" and isinstance(value, list):
        pairs = (str(item).partition("=") for item in value)
        return {f"Env.{name}": text for name, _, text in pairs}
    if isinstance(value, Mapping) and key in ("Labels", "ExposedPorts", "Volumes"):
        return {f"{key}.{name}": item if item is not None else {} for name, item in value.items()}
    return {key: value} if value not in _ABSENT else {}
