"""Layer descriptors."""

from __future__ import annotations

import pytest

from layerctl.model.ids import LayerId
from layerctl.model.layer import LayerDescriptor, Quiescence


@pytest.mark.parametrize("quiescence", list(Quiescence))
@pytest.mark.parametrize("diff_id", [None, "sha256:" + "0" * 64])
def test_a_descriptor_comes_back_from_json(quiescence: Quiescence, diff_id: str | None) -> None:
    layer = LayerDescriptor(LayerId("ab" * 32), quiescence, 1, 2, 3, 4, 5, 6, diff_id)
    assert LayerDescriptor.from_json(layer.to_json()) == layer
    assert ("diff_id" in layer.to_json()) == (diff_id is not None)
