"""Records with a checksum."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerctl.errors import Damaged
from layerctl.store.record import dump_record, load_record

_HERE = Path("record.json")
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.text().filter(lambda key: key != "xxh3"), _json))
def test_a_record_comes_back(record: dict[str, Any]) -> None:
    assert load_record(dump_record(record), _HERE) == record


def test_a_name_that_is_not_utf8_comes_back() -> None:
    record = {"path": "/mnt/\udcff"}
    assert load_record(dump_record(record), _HERE) == record


@pytest.mark.parametrize("length", range(0, 60, 7))
def test_a_torn_record_is_damage(length: int) -> None:
    with pytest.raises(Damaged, match=r"record\.json"):
        load_record(dump_record({"base": "a" * 40})[:length], _HERE)


@pytest.mark.parametrize("data", [b"null", b"[]", b'"xxh3"', b"{}", b'{"xxh3": 1}', b"\xff", b"\0" * 4096])
def test_what_is_no_record_is_damage(data: bytes) -> None:
    with pytest.raises(Damaged):
        load_record(data, _HERE)


def test_every_altered_character_of_the_content_is_noticed() -> None:
    data = dump_record({"base": "a" * 40, "number": 7})
    for position, byte in enumerate(data):
        if not chr(byte).isalnum():
            continue
        altered = data[:position] + (b"1" if byte != ord("1") else b"2") + data[position + 1 :]
        with pytest.raises(Damaged):
            load_record(altered, _HERE)


def test_white_space_does_not_matter() -> None:
    data = json.dumps(json.loads(dump_record({"a": 1}))).encode()
    assert load_record(data, _HERE) == {"a": 1}
