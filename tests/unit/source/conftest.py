from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.importing import Import, importer


@pytest.fixture
def load(workdir: Path) -> Import:
    """Imports a source into a staging directory of its own."""
    return importer(workdir)
