"""Layer ids: pinned, because they name directories in users' repositories."""

from __future__ import annotations

from blake3 import blake3

from layerctl.layer.identity import layer_id, listing
from layerctl.model.delta import Delta

_ENTRIES = {b"d/b": None, b"": b"type=dir ROOT", b"d": b"type=dir D", b"d c": b"type=file F", b"d/a": b"type=file F"}


def test_the_listing_is_as_documented() -> None:
    assert b"".join(listing(Delta(_ENTRIES, ((b"d c", b"d/a"),)))).decode().splitlines() == [
        ". type=dir ROOT",
        "d type=dir D",
        "d%20c type=file F hardlink=d%20c",
        "d/a type=file F hardlink=d%20c",
        "d/b type=whiteout",
    ]


def test_the_id_is_blake3_of_the_listing() -> None:
    root = b"type=dir mode=0755 uid=0 gid=0 time=0.000000000"
    expected = "fce216e4e7eab535a762d4fc7c67b33cc99b3fa9a74f6d4370b86245152a8059"  # of ". type=dir …\n", by b3sum
    assert blake3(b". " + root + b"\n").hexdigest() == expected
    assert str(layer_id(Delta({b"": root}))) == expected


def test_the_order_of_entries_does_not_matter() -> None:
    assert layer_id(Delta(_ENTRIES)) == layer_id(Delta(dict(sorted(_ENTRIES.items()))))


def test_everything_that_a_layer_holds_matters() -> None:
    base = Delta(_ENTRIES)
    others = [
        Delta({**_ENTRIES, b"e": None}),
        Delta({**_ENTRIES, b"d/b": b"type=file F"}),
        Delta({**_ENTRIES, b"d/a": b"type=file G"}),
        Delta(_ENTRIES, ((b"d c", b"d/a"),)),
    ]
    assert len({layer_id(delta) for delta in (base, *others)}) == 5
