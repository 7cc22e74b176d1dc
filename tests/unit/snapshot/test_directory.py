"""One directory as Git objects."""

from __future__ import annotations

import pytest

from layerctl.errors import Damaged
from layerctl.model.ids import ObjectId
from layerctl.model.listing import format_entry
from layerctl.snapshot.directory import Directory, load, save, tree_name
from tests.unit.snapshot.builders import DIR, file
from tests.unit.snapshot.memory import MemoryObjects

_ITSELF = format_entry(DIR)


def test_the_listing_is_as_documented() -> None:
    objects = MemoryObjects()
    save(objects, Directory(_ITSELF, {b"b": b"B", b"a b": b"A", b"\xff": b"F"}))
    assert b". " + _ITSELF + b"\na%20b A\nb B\n%FF F\n" in objects.data.values()


def test_the_order_of_names_does_not_matter() -> None:
    objects = MemoryObjects()
    leaf = save(objects, Directory(_ITSELF))
    one = save(objects, Directory(_ITSELF, {b"a": b"1", b"b": b"2"}, {b"x": leaf, b"y": leaf}))
    assert one == save(objects, Directory(_ITSELF, {b"b": b"2", b"a": b"1"}, {b"y": leaf, b"x": leaf}))


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        (b"usr", b"usr"),
        (b".config", b".config"),
        (b".git", b"%2Egit"),
        (b".GIT", b"%2EGIT"),
        (b".gnupg", b"%2Egnupg"),
        (b"git~1", b"%67it~1"),
        (b"gi7eba~1", b"%67i7eba~1"),
        (b"~1000000", b"%7E1000000"),
        (b"games", b"games"),
        (b"backup~", b"backup~"),
        (b"%entries", b"%25entries"),
    ],
)
def test_a_subdirectory_is_named_as_documented(name: bytes, stored: bytes) -> None:
    assert tree_name(name) == stored


def test_a_subdirectory_called_like_the_listing_is_kept_apart() -> None:
    objects = MemoryObjects()
    leaf = save(objects, Directory(_ITSELF))
    directory = Directory(_ITSELF, {b"%hardlinks": format_entry(file())}, {b"%entries": leaf})
    assert load(objects, save(objects, directory)) == directory


def test_a_missing_object_is_damage() -> None:
    with pytest.raises(Damaged):
        load(MemoryObjects(), ObjectId(b"\0" * 20))


def test_a_tree_without_a_listing_is_damage() -> None:
    objects = MemoryObjects()
    with pytest.raises(Damaged):
        load(objects, objects.write_tree(b""))


def test_a_listing_without_the_line_of_its_directory_is_damage() -> None:
    objects = MemoryObjects()
    blob = objects.write_blob(b"a type=fifo\n")
    with pytest.raises(Damaged):
        load(objects, objects.write_tree(b"100644 %entries\0" + blob))
