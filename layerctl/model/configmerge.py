"""Three image configs → one: what changed from the first to the third, done to the second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layerctl.model.config import ImageConfig

#: What says how an image came about, not how it runs.
_OF_THE_BUILD = {"created", "history", "rootfs"}
_MISSING = object()


def merge_config(base: ImageConfig, ours: ImageConfig, theirs: ImageConfig) -> tuple[ImageConfig, tuple[str, ...]]:
    """Merges field by field; variables of ``Env`` one by one.

    Returns:
        The config, and the fields that both sides changed, where it has ours.
    """
    conflicts: list[str] = []
    merged = _merge("", _spread(base.raw), _spread(ours.raw), _spread(theirs.raw), conflicts)
    for key in _OF_THE_BUILD:
        merged.pop(key, None)
        if key in ours.raw:
            merged[key] = ours.raw[key]
    return ImageConfig(_gathered(merged)), tuple(sorted(conflicts))


def _merge(
    where: str, base: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any], conflicts: list[str]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key in [*ours, *(key for key in theirs if key not in ours)]:
        before, mine, other = (side.get(key, _MISSING) for side in (base, ours, theirs))
        if before == mine:
            found: Any = other
        elif other in (before, mine):
            found = mine
        elif all(side is _MISSING or isinstance(side, Mapping) for side in (before, mine, other)):
            found = _merge(f"{where}{key}.", _object(before), _object(mine), _object(other), conflicts)
        else:
            found = mine
            if f"{where}{key}" not in _OF_THE_BUILD:
                conflicts.append(f"{where}{key}")
        if found is not _MISSING:
            result[key] = found
    return result


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _spread(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The config with ``Env`` as an object, by name."""
    process = dict(raw.get("config") or {})
    if process.get("Env"):
        process["Env"] = dict(item.partition("=")[::2] for item in process["Env"])
    return {**raw, "config": process}


def _gathered(raw: Mapping[str, Any]) -> dict[str, Any]:
    process = dict(raw["config"])
    if isinstance(process.get("Env"), Mapping):
        process["Env"] = [f"{name}={value}" for name, value in process["Env"].items()]
    return {**raw, "config": process}
