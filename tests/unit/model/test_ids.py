"""Identifiers take nothing but what they are."""

from __future__ import annotations

import pytest

from layerctl.errors import UsageError
from layerctl.model.ids import CommitId, LayerId


@pytest.mark.parametrize("text", ["", "a" * 39, "a" * 41, "A" * 40, "g" * 40, "a" * 40 + "\n", "../" + "a" * 37])
def test_a_commit_id_is_forty_lowercase_digits(text: str) -> None:
    assert CommitId("0a" * 20).short == "0a0a0a0"
    with pytest.raises(UsageError):
        CommitId(text)


@pytest.mark.parametrize("text", ["", "a" * 63, "A" * 64, "a" * 64 + "\n", "../" + "a" * 61])
def test_a_layer_id_is_sixty_four_lowercase_digits(text: str) -> None:
    assert str(LayerId("0a" * 32)) == "0a" * 32
    with pytest.raises(UsageError):
        LayerId(text)
