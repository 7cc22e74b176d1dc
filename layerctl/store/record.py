"""Small JSON records with a checksum, so that a torn or altered one is noticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import xxhash

from layerctl.errors import Damaged

_KEY = "xxh3"


def _canonical(record: dict[str, Any]) -> str:
    return json.dumps(record, sort_keys=True, separators=(",", ":"))


def dump_record(record: dict[str, Any]) -> bytes:
    """The record as JSON with its XXH3-128 checksum."""
    digest = xxhash.xxh3_128_hexdigest(_canonical(record).encode())
    return json.dumps({**record, _KEY: digest}, indent=1, sort_keys=True).encode() + b"\n"


def load_record(data: bytes, source: Path) -> dict[str, Any]:
    """The inverse of :func:`dump_record`.

    Raises:
        Damaged: the data is not what was written.
    """
    try:
        record = json.loads(data)
        digest = record.pop(_KEY)
    except (ValueError, KeyError, AttributeError, TypeError) as exc:
        raise Damaged(f"the record {source} is damaged") from exc
    if digest != xxhash.xxh3_128_hexdigest(_canonical(record).encode()):
        raise Damaged(f"the record {source} does not match its checksum")
    assert isinstance(record, dict)
    return record
