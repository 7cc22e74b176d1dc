"""Image configs: what ``--change`` does, and what it leaves alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from layerctl.errors import UsageError
from layerctl.model.config import ImageConfig


def _config(**process: Any) -> ImageConfig:
    return ImageConfig({"architecture": "amd64", "os": "linux", "x-unknown": [1], "config": process})


@pytest.mark.parametrize(
    ("instruction", "field", "value"),
    [
        ("ENV A=b", "Env", ["A=b"]),
        ("ENV A=b C='d e'", "Env", ["A=b", "C=d e"]),
        ("ENV A the old way", "Env", ["A=the old way"]),
        ("env A=", "Env", ["A="]),
        ("LABEL a=b", "Labels", {"a": "b"}),
        ("EXPOSE 80 53/udp", "ExposedPorts", {"80/tcp": {}, "53/udp": {}}),
        ("VOLUME /data /more", "Volumes", {"/data": {}, "/more": {}}),
        ('VOLUME ["/with space"]', "Volumes", {"/with space": {}}),
        ('CMD ["a", "b"]', "Cmd", ["a", "b"]),
        ("CMD a b", "Cmd", ["/bin/sh", "-c", "a b"]),
        ('ENTRYPOINT ["a"]', "Entrypoint", ["a"]),
        ("USER app:app", "User", "app:app"),
        ("STOPSIGNAL SIGINT", "StopSignal", "SIGINT"),
        ("WORKDIR /srv", "WorkingDir", "/srv"),
    ],
)
def test_an_instruction_sets_its_field(instruction: str, field: str, value: Any) -> None:
    assert _config().with_change(instruction).raw["config"][field] == value


def test_a_variable_set_again_keeps_its_place() -> None:
    assert _config(Env=["A=1", "B=2"]).with_change("ENV A=3").env == ("A=3", "B=2")


def test_a_relative_workdir_is_below_the_old_one() -> None:
    assert _config(WorkingDir="/a").with_change("WORKDIR b").workdir == "/a/b"
    assert _config().with_change("WORKDIR b").workdir == "/b"


def test_a_change_leaves_the_original_and_unknown_fields_alone() -> None:
    config = _config(Labels={"a": "b"})
    changed = config.with_change("LABEL c=d")
    assert config.labels == {"a": "b"}
    assert changed.raw["x-unknown"] == [1]
    assert changed.labels == {"a": "b", "c": "d"}


@pytest.mark.parametrize(
    "instruction", ["RUN true", "", "ENV", "ENV =b", "ENV A=b c", 'CMD ["a"', "CMD [1]", "LABEL a='b"]
)
def test_a_malformed_instruction_is_a_usage_error(instruction: str) -> None:
    with pytest.raises(UsageError):
        _config().with_change(instruction)


def test_bytes_come_back_whatever_they_hold() -> None:
    config = ImageConfig({"z": 1, "a": "é", "config": None})
    assert ImageConfig.from_bytes(config.to_bytes()).raw == config.raw
    assert config.to_bytes() == ImageConfig({"config": None, "a": "é", "z": 1}).to_bytes()
    assert config.env == config.cmd == config.volumes == ()
    assert (config.workdir, config.user) == ("/", "")


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", json.dumps("text").encode()])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError):
        ImageConfig.from_bytes(data)
