"""Snapshots against a plain dictionary of paths and hard-link groups."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from layerctl.layer.identity import layer_id
from layerctl.model.change import Change
from layerctl.model.delta import Delta
from layerctl.model.entry import Entry, Kind
from layerctl.model.ids import ObjectId
from layerctl.model.layer import Quiescence
from layerctl.model.listing import format_entry
from layerctl.model.scan import Scan
from layerctl.ops.adopt import Census, describe
from layerctl.snapshot.apply import apply_scan
from layerctl.snapshot.compare import compare
from layerctl.snapshot.delta import LazyDelta, make_delta
from layerctl.snapshot.places import Places
from layerctl.snapshot.uncommitted import uncommitted
from layerctl.snapshot.walk import entry_text, hardlink_groups, walk
from tests.property.states import State, overlaid, parent_of, scan_of, scans, states, write_state
from tests.unit.snapshot.memory import MemoryObjects

_EXAMPLES = settings(max_examples=2000 if os.environ.get("LAYERCTL_SOAK") else 50, deadline=None)
_EMPTY = State({b"": Entry(Kind.DIR, 0o755, 0, 0, 0)})


def _delta(objects: MemoryObjects, old: ObjectId | None, new: ObjectId) -> Delta:
    return make_delta(objects, new, compare(objects, old, new))


@_EXAMPLES
@given(states())
def test_a_snapshot_says_what_the_rootfs_says(state: State) -> None:
    objects = MemoryObjects()
    oid = write_state(objects, state)
    assert dict(walk(objects, oid)) == {path: format_entry(entry) for path, entry in state.entries.items()}
    assert frozenset(frozenset(group) for group in hardlink_groups(objects, oid)) == state.groups
    assert all(entry_text(objects, oid, path) == format_entry(entry) for path, entry in state.entries.items())


@_EXAMPLES
@given(states(), scans())
def test_applying_a_write_layer_gives_what_the_overlay_shows(base: State, scan: Scan) -> None:
    objects = MemoryObjects()
    shown = apply_scan(objects, write_state(objects, base), scan)
    assert shown == write_state(objects, overlaid(base, scan))


@_EXAMPLES
@given(states(), states(), scans(), st.booleans())
def test_what_is_uncommitted_is_what_the_snapshot_of_it_would_differ_in(
    old: State, other: State, scan: Scan, elsewhere: bool
) -> None:
    """Whether the write layer lies on what it is compared with, or on something else."""
    objects = MemoryObjects()
    snapshot = write_state(objects, old)
    base = write_state(objects, other) if elsewhere else snapshot
    expected = [change.parsed() for change in compare(objects, snapshot, apply_scan(objects, base, scan)).changes]
    found = uncommitted(objects, snapshot, base, scan)
    assert [(change.path, change.old, change.relinked) for change in found] == [
        (change.path, change.old, change.relinked) for change in expected
    ]
    assert [change.new for change in found] == [_as_far_as_read(change) for change in expected]


def _as_far_as_read(change: Change) -> Entry | None:
    """The new entry; without the digest of a file that differs from the old one whatever is in it."""
    old, new = change.old, change.new
    if new is None or new.kind is not Kind.FILE or (old and (old.kind, old.size) == (new.kind, new.size)):
        return new
    return new._replace(digest=None)


@_EXAMPLES
@given(states(), states())
def test_applying_a_difference_gives_the_other_state(old: State, new: State) -> None:
    objects = MemoryObjects()
    one, other = write_state(objects, old), write_state(objects, new)
    assert apply_scan(objects, one, scan_of(_delta(objects, one, other))) == other


@_EXAMPLES
@given(states(), states())
def test_a_layer_over_its_parent_shows_the_commit(old: State, new: State) -> None:
    """Not what layerctl makes of the layer, but what the kernel does: inode by inode."""
    objects = MemoryObjects()
    layer = scan_of(_delta(objects, write_state(objects, old), write_state(objects, new)))
    shown = overlaid(old, layer)
    assert (shown.entries, shown.groups) == (new.entries, new.groups)


@_EXAMPLES
@given(states())
def test_a_base_layer_holds_everything(state: State) -> None:
    objects = MemoryObjects()
    delta = _delta(objects, None, write_state(objects, state))
    assert delta.entries == {path: format_entry(entry) for path, entry in state.entries.items()}
    assert frozenset(frozenset(group) for group in delta.links) == state.groups


@_EXAMPLES
@given(states(), states())
def test_a_comparison_lists_exactly_what_differs(old: State, new: State) -> None:
    objects = MemoryObjects()
    changes = compare(objects, write_state(objects, old), write_state(objects, new)).changes
    differing = {
        path for path in old.entries.keys() | new.entries.keys() if old.entries.get(path) != new.entries.get(path)
    }
    assert {change.path for change in changes if not change.relinked} == differing
    assert [change.path for change in changes] == sorted({change.path for change in changes})
    for change in changes:
        parsed = change.parsed()
        assert (parsed.old, parsed.new) == (old.entries.get(change.path), new.entries.get(change.path))


@_EXAMPLES
@given(states(), states())
def test_a_path_is_called_relinked_only_if_its_group_differs(old: State, new: State) -> None:
    objects = MemoryObjects()
    changes = compare(objects, write_state(objects, old), write_state(objects, new)).changes
    before = {path: group for group in old.groups for path in group}
    after = {path: group for group in new.groups for path in group}
    for change in changes:
        assert not change.relinked or before.get(change.path) != after.get(change.path)
    if not changes:
        assert old.groups == new.groups


@_EXAMPLES
@given(states())
def test_equal_snapshots_do_not_differ(state: State) -> None:
    objects = MemoryObjects()
    oid = write_state(objects, state)
    assert compare(objects, oid, oid).changes == ()
    assert _delta(objects, oid, oid).entries == {b"": format_entry(state.entries[b""])}


@_EXAMPLES
@given(states(), states())
def test_a_whiteout_always_hides_something(old: State, new: State) -> None:
    objects = MemoryObjects()
    delta = _delta(objects, write_state(objects, old), write_state(objects, new))
    for path, text in delta.entries.items():
        if text is None:
            assert path in old.entries
            assert new.entries[parent_of(path)].kind is Kind.DIR


@_EXAMPLES
@given(states(), states())
def test_a_layer_holds_the_parents_of_all_that_it_holds(old: State, new: State) -> None:
    objects = MemoryObjects()
    delta = _delta(objects, write_state(objects, old), write_state(objects, new))
    for path in delta.entries:
        if path:
            assert delta.entries[parent_of(path)] == format_entry(new.entries[parent_of(path)])


@_EXAMPLES
@given(states(), scans(), scans())
def test_equal_states_have_equal_ids_whatever_the_way(base: State, first: Scan, second: Scan) -> None:
    objects = MemoryObjects()
    there = apply_scan(objects, apply_scan(objects, write_state(objects, base), first), second)
    assert there == write_state(objects, overlaid(overlaid(base, first), second))


@_EXAMPLES
@given(states(), scans())
def test_the_layer_is_a_function_of_the_two_snapshots(base: State, scan: Scan) -> None:
    """A write layer with opaque marks and needless copy-ups leads to the layer that a plain comparison gives."""
    objects, others = MemoryObjects(), MemoryObjects()
    before = write_state(objects, base)
    found = _delta(objects, before, apply_scan(objects, before, scan))
    direct = _delta(others, write_state(others, base), write_state(others, overlaid(base, scan)))
    assert (found, layer_id(found)) == (direct, layer_id(direct))


@_EXAMPLES
@given(states(), states(), states())
def test_layers_of_a_chain_merge_into_the_difference_of_its_ends(first: State, middle: State, last: State) -> None:
    objects = MemoryObjects()
    one, two, three = (write_state(objects, state) for state in (first, middle, last))
    stacked = overlaid(overlaid(first, scan_of(_delta(objects, one, two))), scan_of(_delta(objects, two, three)))
    merged = overlaid(first, scan_of(_delta(objects, one, three)))
    assert (stacked.entries, stacked.groups) == (merged.entries, merged.groups) == (last.entries, last.groups)


@_EXAMPLES
@given(states(), states())
def test_the_size_of_a_layer_counts_linked_content_once(old: State, new: State) -> None:
    objects = MemoryObjects()
    delta = _delta(objects, write_state(objects, old), write_state(objects, new))
    inodes = {path: group[0] for group in delta.links for path in group}
    sizes = {inodes.get(path, path): new.entries[path].size for path, text in delta.entries.items() if text is not None}
    assert describe(delta, (), Quiescence.SEALED, depth=0).size == sum(sizes.values())


@_EXAMPLES
@given(states(), states())
def test_a_layer_read_bit_by_bit_is_the_layer_in_memory(old: State, new: State) -> None:
    objects = MemoryObjects()
    for before in (None, write_state(objects, old)):
        after = write_state(objects, new)
        comparison = compare(objects, before, after)
        delta = make_delta(objects, after, comparison)
        lazy = LazyDelta(objects, before, after)
        census = Census(lazy)
        assert list(census.sorted()) == list(delta.sorted())
        described = census.descriptor(Quiescence.SEALED, depth=1, diff_id="x")
        assert described == describe(delta, comparison.changes, Quiescence.SEALED, depth=1, diff_id="x")
        assert tuple(change for change in lazy.changes() if change.differs) == comparison.changes
        assert layer_id(lazy) == described.id == layer_id(delta)


@_EXAMPLES
@given(states(), states())
def test_two_snapshots_differ_at_a_path_if_their_comparison_has_something_there(old: State, new: State) -> None:
    objects = MemoryObjects()
    one, other = write_state(objects, old), write_state(objects, new)
    changed = [change.path for change in compare(objects, one, other).changes]
    places = Places(objects)
    for path in {*old.entries, *new.entries, b"n", b"n/one"}:
        below = [found for found in changed if not path or found == path or found.startswith(path + b"/")]
        assert places.differs(one, other, path) == bool(below), path
        assert places.entry(other, path) == entry_text(objects, other, path)


def test_an_empty_directory_is_a_state_too() -> None:
    objects = MemoryObjects()
    assert _delta(objects, None, write_state(objects, _EMPTY)).entries.keys() == {b""}
