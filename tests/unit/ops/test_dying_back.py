"""Verbs that get something back, whose process dies at some step: before or after, nothing in between."""

from __future__ import annotations

import pytest

from layerctl.mount import syscalls
from layerctl.store.git import GitRepository
from tests.oracle import assert_same, listing
from tests.property.stored import assert_fsck_clean
from tests.unit.ops.conftest import Box
from tests.unit.ops.test_dying import _prepare, _settled
from tests.unit.store.dying import die_at

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
_MORE = ((GitRepository, "_set"), (syscalls, "move_mount"), (syscalls, "fsconfig"), (syscalls, "umount"))


@pytest.mark.parametrize("part", range(8))
def test_a_stash_that_dies_is_before_or_after(box: Box, part: int) -> None:
    committed, before = _prepare(box)
    die_at(9 * part, lambda: box.repo.stash(), *_MORE)
    _settled(box)
    if box.repo.stashes():
        assert_same(committed, box.root)
        box.repo.undo()
        assert box.repo.stashes() == []
    assert_same(before, listing(box.root))
    assert {change.path for change in box.repo.status().changes} >= {b"d/s/new", b"d/x", b"z"}
    box.commit("later")


@pytest.mark.parametrize("part", range(6))
def test_a_pop_that_dies_is_before_or_after(box: Box, part: int) -> None:
    committed, before = _prepare(box)
    box.repo.stash()
    (box.root / "other").write_text("other")
    other = listing(box.root)
    die_at(9 * part, lambda: box.repo.unstash(), *_MORE)
    _settled(box)
    if box.repo.stashes():
        assert_same(other, box.root)
    else:
        assert listing(box.root).nodes.keys() == before.nodes.keys() | {b"other"}
        box.repo.undo()
        assert_same(other, box.root)
    assert committed.nodes.keys() | {b"other"} == listing(box.root).nodes.keys()


@pytest.mark.parametrize("part", range(6))
def test_a_revert_that_dies_is_before_or_after(box: Box, part: int) -> None:
    committed, before = _prepare(box)
    head = box.repo.commit("broken").commit
    die_at(9 * part, lambda: box.repo.revert("HEAD"), *_MORE)
    _settled(box)
    if box.repo.resolve("HEAD") == head:
        assert_same(before, box.root)
    else:
        assert_same(committed, box.root)
        box.repo.undo()
        assert_same(before, box.root)
    assert box.repo.status().changes == ()
    assert_fsck_clean(box.layout.root)
