"""Reading parts of a snapshot."""

from __future__ import annotations

import pytest

from layerctl.model.ids import ObjectId
from layerctl.model.listing import format_entry
from layerctl.snapshot.apply import apply_scan
from layerctl.snapshot.walk import children, entry_text, walk
from tests.unit.snapshot.builders import DIR, file, folder, tree
from tests.unit.snapshot.memory import MemoryObjects


@pytest.fixture
def objects() -> MemoryObjects:
    return MemoryObjects()


@pytest.fixture
def snapshot(objects: MemoryObjects) -> ObjectId:
    return apply_scan(objects, None, tree(a=file(b"a"), d=folder(s=folder(x=file(b"x")), y=file(b"y")), z=folder()))


def test_parents_come_before_children(objects: MemoryObjects, snapshot: ObjectId) -> None:
    paths = [path for path, _ in walk(objects, snapshot)]
    assert sorted(paths) == [b"", b"a", b"d", b"d/s", b"d/s/x", b"d/y", b"z"]
    assert all(paths.index(path.rpartition(b"/")[0]) < paths.index(path) for path in paths if path)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"", format_entry(DIR)),
        (b"a", format_entry(file(b"a"))),
        (b"d", format_entry(DIR)),
        (b"d/s/x", format_entry(file(b"x"))),
        (b"none", None),
        (b"a/x", None),
        (b"d/none/x", None),
    ],
)
def test_an_entry_by_its_path(objects: MemoryObjects, snapshot: ObjectId, path: bytes, text: bytes | None) -> None:
    assert entry_text(objects, snapshot, path) == text


def test_children_are_sorted_and_a_file_has_none(objects: MemoryObjects, snapshot: ObjectId) -> None:
    assert [name for name, _ in children(objects, snapshot, b"")] == [b"a", b"d", b"z"]
    assert [name for name, _ in children(objects, snapshot, b"d")] == [b"s", b"y"]
    assert list(children(objects, snapshot, b"a")) == list(children(objects, snapshot, b"none")) == []
