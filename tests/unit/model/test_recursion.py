"""Room for deep directory trees."""

from __future__ import annotations

import sys

import pytest

from layerctl.model.recursion import deep_recursion


def test_the_limit_is_back_afterwards_even_after_an_error() -> None:
    before = sys.getrecursionlimit()
    with pytest.raises(ZeroDivisionError), deep_recursion():
        assert sys.getrecursionlimit() >= 100_000
        raise ZeroDivisionError
    assert sys.getrecursionlimit() == before
