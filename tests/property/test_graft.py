"""Some paths of one rootfs put into another, against a plain dictionary."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from layerctl.model.entry import Entry
from layerctl.model.listing import parse_entry
from layerctl.snapshot.graft import graft, is_at_or_below, topmost
from layerctl.snapshot.walk import hardlink_groups, walk
from tests.property.states import State, states, write_state
from tests.unit.snapshot.memory import MemoryObjects

_EXAMPLES = settings(max_examples=2000 if os.environ.get("LAYERCTL_SOAK") else 100, deadline=None)


@_EXAMPLES
@given(states(), states(), st.data())
def test_paths_are_the_others_and_the_rest_is_ours(ours: State, other: State, data: st.DataObject) -> None:
    paths = topmost(data.draw(st.lists(st.sampled_from(sorted({*ours.entries, *other.entries})), min_size=1)))
    objects = MemoryObjects()
    made = graft(objects, write_state(objects, ours), write_state(objects, other), paths)
    found = {path: parse_entry(text) for path, text in walk(objects, made)}

    def taken(path: bytes) -> bool:
        return any(is_at_or_below(path, top) for top in paths)

    def above(path: bytes) -> bool:
        return any(is_at_or_below(top, path) for top in paths)

    assert {path: entry for path, entry in found.items() if taken(path)} == {
        path: entry for path, entry in other.entries.items() if taken(path)
    }
    for path in {*found, *ours.entries}:
        if taken(path) or any(_replaced(top, ours, found) and is_at_or_below(path, top) for top in found):
            continue
        if not above(path):
            assert found.get(path) == ours.entries.get(path), path
        else:
            assert found[path] in (ours.entries.get(path), other.entries.get(path)), path
    _check_groups(found, frozenset(map(frozenset, hardlink_groups(objects, made))), ours, other, taken)


def _replaced(top: bytes, ours: State, found: dict[bytes, Entry]) -> bool:
    """Whether a directory came into the place of something else."""
    return top in ours.entries and ours.entries[top].kind is not found[top].kind


def _check_groups(found, groups, ours: State, other: State, taken) -> None:  # type: ignore[no-untyped-def]
    seen: set[bytes] = set()
    for group in groups:
        assert len({found[path] for path in group}) == 1
        assert not seen & group
        seen |= group
    for wanted in other.groups:
        mine = {path for path in wanted if taken(path)}
        assert len(mine) < 2 or any(mine <= group for group in groups)
    for group in groups:
        for path in filter(taken, group):
            assert any(path in wanted and group <= wanted for wanted in other.groups)
        if not any(map(taken, group)):
            assert any(group <= before for before in ours.groups)


def test_topmost() -> None:
    assert topmost([b"a/b", b"a!", b"a", b"a", b"c/d"]) == (b"a", b"a!", b"c/d")
    assert topmost([b"a", b""]) == (b"",)
