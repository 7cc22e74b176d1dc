"""What differs between two snapshots, hard links above all (trap 11)."""

from __future__ import annotations

import pytest

from layerctl.model.scan import Scan
from layerctl.snapshot.apply import apply_scan
from layerctl.snapshot.compare import compare
from layerctl.snapshot.delta import make_delta
from tests.unit.snapshot.builders import file, folder, tree
from tests.unit.snapshot.memory import MemoryObjects

_A, _B, _C = b"a", b"b", b"c"
_Groups = tuple[tuple[bytes, ...], ...]


def _linked(groups: _Groups, **files: bytes) -> Scan:
    return tree(*groups, **{name: file(content) for name, content in files.items()})


def _layer(old: Scan, new: Scan) -> tuple[set[bytes], _Groups]:
    objects = MemoryObjects()
    one, other = apply_scan(objects, None, old), apply_scan(objects, None, new)
    delta = make_delta(objects, other, compare(objects, one, other))
    return delta.entries.keys() - {b""}, delta.links


@pytest.mark.parametrize(
    ("old", "new", "held", "links"),
    [
        pytest.param(((_A, _B),), ((_A, _B),), set(), (), id="unchanged"),
        pytest.param(((_A, _B),), (), {_B}, (), id="pair broken: the first stays"),
        pytest.param((), ((_A, _B),), {_A, _B}, ((_A, _B),), id="pair made: a new inode for both"),
        pytest.param(((_A, _B, _C),), ((_B, _C),), {_B, _C}, ((_B, _C),), id="the first left: the others move"),
        pytest.param(((_A, _B, _C),), ((_A, _B),), {_C}, (), id="the last left"),
        pytest.param(((_A, _B),), ((_A, _B, _C),), {_A, _B, _C}, ((_A, _B, _C),), id="one joined"),
        pytest.param(((_A, _B),), ((_A, _C),), {_A, _B, _C}, ((_A, _C),), id="partner swapped"),
    ],
)
def test_a_change_of_links_alone(old: _Groups, new: _Groups, held: set[bytes], links: _Groups) -> None:
    before = _linked(old, a=b"x", b=b"x", c=b"x")
    after = _linked(new, a=b"x", b=b"x", c=b"x")
    assert _layer(before, after)[0] == held
    assert set(_layer(before, after)[1]) <= set(links) if links else _layer(before, after)[1] == ()


def test_a_chmod_of_one_of_two_links_concerns_that_one_alone() -> None:
    before = _linked(((_A, _B),), a=b"x", b=b"x")
    for name in ("a", "b"):
        after = tree(**{"a": file(), "b": file(), name: file(mode=0o600)})
        assert _layer(before, after) == ({name.encode()}, ())


def test_a_write_through_one_of_two_links_concerns_both() -> None:
    before = _linked(((_A, _B),), a=b"x", b=b"x")
    after = _linked(((_A, _B),), a=b"new", b=b"new")
    assert _layer(before, after) == ({_A, _B}, ((_A, _B),))


def test_a_new_link_to_an_old_file_moves_the_old_one_along() -> None:
    before, after = _linked((), a=b"x"), _linked(((_A, _B),), a=b"x", b=b"x")
    assert _layer(before, after) == ({_A, _B}, ((_A, _B),))


def test_a_deleted_link_leaves_the_others_where_they_are() -> None:
    before = _linked(((_A, _B, _C),), a=b"x", b=b"x", c=b"x")
    assert _layer(before, _linked(((_B, _C),), b=b"x", c=b"x")) == ({_A}, ())


def test_relinked_paths_say_so_and_changed_ones_do_not() -> None:
    objects = MemoryObjects()
    one = apply_scan(objects, None, _linked((), a=b"x"))
    other = apply_scan(objects, None, _linked(((_A, _B),), a=b"x", b=b"x"))
    changes = {change.path: change for change in compare(objects, one, other).changes}
    assert changes[_A].relinked
    assert not changes[_B].relinked


def test_equal_subtrees_are_never_opened() -> None:
    objects = MemoryObjects()
    big = folder(**{f"d{number}": folder(a=file()) for number in range(50)})
    one = apply_scan(objects, None, tree(big=big, x=folder()))
    other = apply_scan(objects, None, tree(big=big, x=folder(a=file())))
    objects.reads.clear()
    assert [change.path for change in compare(objects, one, other).changes] == [b"x/a"]
    assert len(objects.reads) == 8  # tree and listing of the root and of x, twice


def test_nothing_is_read_below_equal_roots() -> None:
    objects = MemoryObjects()
    one = apply_scan(objects, None, tree(x=folder(a=file())))
    objects.reads.clear()
    assert compare(objects, one, one).changes == ()
    assert len(objects.reads) <= 4


def test_the_empty_rootfs_can_be_either_side() -> None:
    objects = MemoryObjects()
    one = apply_scan(objects, None, tree(x=folder(a=file())))
    added = compare(objects, None, one).changes
    assert [(change.path, change.old is None) for change in added] == [(b"", True), (b"x", True), (b"x/a", True)]
    deleted = compare(objects, one, None).changes
    assert [(change.path, change.new is None) for change in deleted] == [(b"", True), (b"x", True), (b"x/a", True)]
    assert compare(objects, None, None).changes == ()


def test_a_type_swap_is_one_change_of_the_path() -> None:
    objects = MemoryObjects()
    one = apply_scan(objects, None, tree(x=folder(a=file())))
    other = apply_scan(objects, None, tree(x=file()))
    for old, new in ((one, other), (other, one)):
        changes = compare(objects, old, new).changes
        assert [change.path for change in changes] == [b"x", b"x/a"]
        assert changes[0].old is not None and changes[0].new is not None


def test_very_deep_trees_compare() -> None:
    objects = MemoryObjects()
    bottom, other = folder(), folder(a=file())
    for _ in range(3000):
        bottom, other = folder(d=bottom), folder(d=other)
    changes = compare(objects, apply_scan(objects, None, Scan(bottom)), apply_scan(objects, None, Scan(other))).changes
    assert [change.path for change in changes] == [b"d/" * 3000 + b"a"]
