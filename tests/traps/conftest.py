"""A repository with a mounted rootfs, for each of the traps in docs/traps.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.namespaced import Namespaced, make_namespaced
from tests.unit.ops.conftest import box

__all__ = ["box"]


@pytest.fixture
def namespaced(public_dir: Path) -> Namespaced:
    return make_namespaced(public_dir)
