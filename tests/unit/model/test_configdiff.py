"""What differs between two image configs."""

from __future__ import annotations

from typing import Any

import pytest

from layerctl.model.config import ImageConfig
from layerctl.model.configdiff import compare_configs


def told(old: Any, new: Any) -> list[tuple[str, str, Any, Any]]:
    changes = compare_configs(ImageConfig({"config": old}), ImageConfig({"config": new}))
    return [(change.kind.value, change.key, change.old, change.new) for change in changes]


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({}, {}, []),
        (None, {"Cmd": ["sh"]}, [("A", "Cmd", None, ["sh"])]),
        ({"Cmd": ["sh"]}, {"Cmd": None}, [("D", "Cmd", ["sh"], None)]),
        ({"Cmd": ["a"]}, {"Cmd": ["b"]}, [("M", "Cmd", ["a"], ["b"])]),
        ({"Env": ["A=1", "B=2"]}, {"Env": ["B=2", "A=1"]}, []),
        (
            {"Env": ["A=1", "B=x=y", "C"]},
            {"Env": ["A=2", "D="]},
            [("M", "Env.A", "1", "2"), ("D", "Env.B", "x=y", None), ("D", "Env.C", "", None), ("A", "Env.D", None, "")],
        ),
        (
            {"Labels": {"a": "1"}, "ExposedPorts": {"80/tcp": {}}},
            {"Labels": {"a": "2"}, "Volumes": {"/data": {}}},
            [("D", "ExposedPorts.80/tcp", {}, None), ("M", "Labels.a", "1", "2"), ("A", "Volumes./data", None, {})],
        ),
        ({"User": ""}, {"User": "app", "Unknown": 1}, [("A", "Unknown", None, 1), ("A", "User", None, "app")]),
        ({"Env": "odd", "Labels": [1]}, {}, [("D", "Env", "odd", None), ("D", "Labels", [1], None)]),
    ],
)
def test_changes(old: Any, new: Any, changes: list[tuple[str, str, Any, Any]]) -> None:
    assert told(old, new) == changes


def test_what_differs_in_every_commit_is_left_out() -> None:
    old = {"created": "1", "history": [1], "rootfs": {"diff_ids": []}, "os": "linux", "author": "a"}
    new = {"created": "2", "history": [1, 2], "rootfs": {"diff_ids": [1]}, "os": "linux", "author": "b"}
    [change] = compare_configs(ImageConfig(old), ImageConfig(new))
    assert (change.key, change.old, change.new) == ("author", "a", "b")
