"""Directories to mount over each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from layerctl.mount.overlay import OverlaySpec
from tests.support.mounts import unmount_below


@pytest.fixture
def top(tmp_path: Path) -> Iterator[Path]:
    """A folder below which everything is unmounted in the end."""
    yield tmp_path
    unmount_below(tmp_path)


@pytest.fixture
def spec(top: Path) -> Callable[..., OverlaySpec]:
    """Makes a write layer of a name, over a layer that holds a file of that name."""

    def make(name: str, **fields: object) -> OverlaySpec:
        for part in ("lower", "upper", "work"):
            (top / f"{name}-{part}").mkdir()
        (top / f"{name}-lower" / name).write_text(name)
        lower, upper, work = (top / f"{name}-{part}" for part in ("lower", "upper", "work"))
        return OverlaySpec((lower,), upper, work, **fields)  # type: ignore[arg-type]

    return make
