"""What a layer must hold so that the commit shows through it."""

from __future__ import annotations

from layerctl.model.delta import Delta
from layerctl.model.listing import format_entry
from layerctl.model.scan import Scan
from layerctl.snapshot.apply import apply_scan
from layerctl.snapshot.compare import compare
from layerctl.snapshot.delta import make_delta
from tests.unit.snapshot.builders import DIR, file, folder, tree
from tests.unit.snapshot.memory import MemoryObjects


def _delta(old: Scan, new: Scan) -> Delta:
    objects = MemoryObjects()
    one, other = apply_scan(objects, None, old), apply_scan(objects, None, new)
    return make_delta(objects, other, compare(objects, one, other))


def test_a_deleted_tree_is_one_whiteout() -> None:
    delta = _delta(tree(d=folder(s=folder(a=file()))), tree())
    assert delta.entries == {b"": format_entry(DIR), b"d": None}


def test_what_a_new_type_hides_needs_no_whiteout() -> None:
    delta = _delta(tree(d=folder(a=file())), tree(d=file()))
    assert delta.entries == {b"": format_entry(DIR), b"d": format_entry(file())}


def test_a_recreated_directory_is_one_whiteout_a_child() -> None:
    delta = _delta(tree(d=folder(a=file(), b=file(), s=folder(x=file()))), tree(d=folder(b=file())))
    assert delta.entries == {b"": format_entry(DIR), b"d": format_entry(DIR), b"d/a": None, b"d/s": None}


def test_parents_come_along_with_the_metadata_that_they_have() -> None:
    secret = DIR._replace(mode=0o700, mtime_ns=5)
    delta = _delta(tree(d=folder(secret, s=folder())), tree(d=folder(secret, s=folder(a=file()))))
    assert delta.entries[b"d"] == format_entry(secret)
    assert delta.entries.keys() == {b"", b"d", b"d/s", b"d/s/a"}


def test_names_that_sort_between_a_directory_and_its_children_do_not_confuse() -> None:
    old = tree(d=folder(a=file()), **{"d-x": file(), "d!": file()})
    delta = _delta(old, tree(d=file(), **{"d-x": file()}))
    assert [path for path, _ in delta.sorted()] == [b"", b"d", b"d!"]
    assert delta.entries[b"d!"] is None
