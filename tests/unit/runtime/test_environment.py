"""The environment of a command."""

from __future__ import annotations

import pytest

import layerctl.runtime
from layerctl.errors import UsageError
from layerctl.runtime import environment


def test_the_call_wins_over_the_image_wins_over_defaults() -> None:
    env = environment(["PATH=/img", "A=1=2", "HOME=/img"], ["A=3", "E="], hostname="h", home="/root", term="xterm")
    assert env == ("PATH=/img", "HOSTNAME=h", "HOME=/img", "TERM=xterm", "A=3", "E=")


def test_term_only_with_a_terminal() -> None:
    assert not any(pair.startswith("TERM=") for pair in environment([], [], hostname="h", home="/", term=None))


@pytest.mark.parametrize("pair", ["", "A", "=1"])
def test_what_is_no_pair(pair: str) -> None:
    with pytest.raises(UsageError, match="NAME=value"):
        environment([], [pair], hostname="h", home="/", term=None)


def test_all_is_sorted_and_complete() -> None:
    names = layerctl.runtime.__all__
    assert len(names) == len(set(names))
    assert all(hasattr(layerctl.runtime, name) for name in names)
