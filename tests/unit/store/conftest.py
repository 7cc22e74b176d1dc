"""Parts of a repository, without any mount."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerctl.store.layout import Layout
from layerctl.store.store import Store, create_repository
from tests.unit.ops.conftest import box

__all__ = ["box"]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path / ".layerctl")
    create_repository(found, "main")
    return found


@pytest.fixture
def store(layout: Layout) -> Store:
    return Store(layout)
