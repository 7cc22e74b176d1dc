"""Image configs merged field by field."""

from __future__ import annotations

from typing import Any

from layerctl.model.config import ImageConfig
from layerctl.model.configmerge import merge_config


def config(*env: str, **more: Any) -> ImageConfig:
    process = {key: value for key, value in more.items() if key[0].isupper()}
    rest = {key: value for key, value in more.items() if not key[0].isupper()}
    return ImageConfig({**rest, "config": {**process, **({"Env": list(env)} if env else {})}})


def test_variables_one_by_one() -> None:
    merged, conflicts = merge_config(config("A=1", "B=1"), config("A=1", "B=2", "C=3"), config("B=1", "D=4"))
    assert (merged, conflicts) == (config("B=2", "C=3", "D=4"), ())


def test_a_field_that_came_goes_again() -> None:
    assert merge_config(config(User="app"), config("A=1", User="app"), config()) == (config("A=1"), ())
    assert merge_config(config("A=1"), config("A=1", "B=2"), config()) == (config("B=2"), ())


def test_both_changed() -> None:
    merged, conflicts = merge_config(
        config("A=1", Cmd=["a"], Labels={"x": "1"}), config("A=2", Cmd=["b"], Labels={"x": "2", "y": "1"}), config()
    )
    assert conflicts == ("config.Cmd", "config.Env.A", "config.Labels.x")
    assert merged == config("A=2", Cmd=["b"], Labels={"x": "2", "y": "1"})


def test_how_it_was_built_is_ours() -> None:
    merged, conflicts = merge_config(config(history=[1]), config(history=[1, 2], created="x"), config())
    assert (merged, conflicts) == (config(history=[1, 2], created="x"), ())
