"""Places to break things in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.sweep import Area


@pytest.fixture(scope="session")
def area(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Area]:
    """Where one crash after the other is tried; one for each worker."""
    area = Area(tmp_path_factory.mktemp("crash"))
    yield area
    area.close()
