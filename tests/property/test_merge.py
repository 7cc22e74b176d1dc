"""Three-way merges of rootfs, against a plain dictionary."""

from __future__ import annotations

import os

from hypothesis import given, settings

from layerctl.model.entry import Entry, Kind
from layerctl.model.listing import parse_entry
from layerctl.snapshot.merge import merge
from layerctl.snapshot.walk import hardlink_groups, walk
from tests.property.states import State, states, write_state
from tests.unit.snapshot.memory import MemoryObjects

_EXAMPLES = settings(max_examples=3000 if os.environ.get("LAYERCTL_SOAK") else 100, deadline=None)


def timeless(entry: Entry | None) -> Entry | None:
    return entry._replace(mtime_ns=0) if entry is not None else None


def merged(base: State, ours: State, theirs: State) -> tuple[State, tuple[bytes, ...]]:
    objects = MemoryObjects()
    result = merge(objects, *(write_state(objects, state) for state in (base, ours, theirs)))
    entries = {path: parse_entry(text) for path, text in walk(objects, result.snapshot)}
    return State(entries, frozenset(map(frozenset, hardlink_groups(objects, result.snapshot)))), result.conflicts


@_EXAMPLES
@given(states(), states())
def test_what_one_side_changed_is_taken(base: State, other: State) -> None:
    assert merged(base, base, other) == (other, ())
    assert merged(base, other, base) == (other, ())
    assert merged(base, other, other) == (other, ())


@_EXAMPLES
@given(states(), states(), states())
def test_each_path_is_what_the_side_says_that_changed_it(base: State, ours: State, theirs: State) -> None:
    result, conflicts = merged(base, ours, theirs)
    for path in {*base.entries, *ours.entries, *theirs.entries}:
        before, mine, other = (state.entries.get(path) for state in (base, ours, theirs))
        if any(path == there or path.startswith(there + b"/") or there.startswith(path + b"/") for there in conflicts):
            continue
        found = result.entries.get(path)
        both = timeless(before) not in (timeless(mine), timeless(other)) and timeless(mine) != timeless(other)
        assert not both, (path, conflicts)
        kinds = [entry.kind for entry in (before, mine, other, found) if entry is not None]
        if Kind.DIR not in kinds:
            wanted = mine if before == other or timeless(mine) == timeless(other) else other
            assert found == (other if before == mine else wanted), path
        elif found is None:
            assert mine is None or other is None
        else:
            assert timeless(found) in (timeless(mine), timeless(other))
    for group in result.groups:
        assert len({result.entries[path] for path in group}) == 1


@_EXAMPLES
@given(states(), states(), states())
def test_sides_change_places(base: State, ours: State, theirs: State) -> None:
    """Whether there are conflicts does not depend on whose side is whose."""
    one, other = merged(base, ours, theirs), merged(base, theirs, ours)
    assert one[1] == other[1]
    if not one[1]:
        assert {path: timeless(entry) for path, entry in one[0].entries.items()} == {
            path: timeless(entry) for path, entry in other[0].entries.items()
        }
        assert one[0].groups == other[0].groups
