"""Verbs whose process dies at some step: the next command finds the state before or the state after (trap 41)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from layerctl.mount import syscalls
from layerctl.store.git import GitRepository
from tests.oracle import Listing, assert_same, listing
from tests.property.stored import assert_fsck_clean
from tests.unit.mount.people import using
from tests.unit.ops.conftest import Box
from tests.unit.store.dying import die_at

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
_MORE = ((GitRepository, "_set"), (syscalls, "move_mount"), (syscalls, "fsconfig"), (syscalls, "umount"))
#: About how many steps each verb takes here, so that the samples meet all of its parts.
_STEPS = {"commit": 62, "busy commit": 38, "amend": 80, "partial commit": 45}


def _make(source: Path) -> None:
    (source / "d/s").mkdir(parents=True)
    for name in ("a", "d/x", "d/s/y"):
        (source / name).write_text(name)
    for name in ("b", "d/linked"):
        os.link(source / "a", source / name)


def _change(root: Path) -> None:
    """Whiteouts, an opaque directory, a needless copy-up, a broken group of hard links: all that tidying is about."""
    for name in ("d/s/y", "d/x"):
        (root / name).unlink()
    (root / "d/s").rmdir()
    (root / "d/s").mkdir()
    (root / "d/s/new").write_text("new")
    os.chown(root / "a", 0, 0)
    (root / "z").write_text("z")


def _prepare(box: Box) -> tuple[Listing, Listing]:
    """A commit, and uncommitted changes over it; returns the commit's state and the present one."""
    box.base(_make)
    (box.root / "first").write_text("1")
    box.repo.commit("first")
    committed = listing(box.root)
    _change(box.root)
    return committed, listing(box.root)


def _busy_commit(box: Box) -> None:
    with using(box.root, "working directory"):
        box.repo.commit("x")


_VERBS: dict[str, Callable[[Box], object]] = {
    "commit": lambda box: box.repo.commit("x"),
    "busy commit": _busy_commit,
    "amend": lambda box: box.repo.commit(None, amend=True),
    "partial commit": lambda box: box.repo.commit("x", paths=[b"d"]),
}


def _settled(box: Box) -> None:
    """What the next commands do; and they do it twice."""
    for _ in range(2):
        box.repo.checkout()
        assert not box.store.journal.has_pending
    assert_fsck_clean(box.layout.root)


@pytest.mark.parametrize("verb", _VERBS)
@pytest.mark.parametrize("part", range(8))
def test_a_commit_that_dies_loses_nothing(box: Box, verb: str, part: int) -> None:
    committed, before = _prepare(box)
    head = box.repo.resolve("HEAD")
    die_at(_STEPS[verb] * part // 7, lambda: _VERBS[verb](box), *_MORE)
    _settled(box)
    assert_same(before, listing(box.root))
    if box.repo.resolve("HEAD") == head:
        assert {change.path for change in box.repo.status().changes} >= {b"d/s/new", b"d/x", b"z"}
        assert_same(committed, box.elsewhere())
    elif verb != "partial commit":
        assert_same(before, box.elsewhere())
    (box.root / "later").write_text("later")
    box.commit("later")


@pytest.mark.parametrize("part", range(10))
def test_a_rollback_that_dies_is_before_or_after(box: Box, part: int) -> None:
    _, before = _prepare(box)
    head, base = box.repo.resolve("HEAD"), box.repo.resolve("HEAD~1")
    expected = listing(box.elsewhere("HEAD~1"))
    die_at(4 * part, lambda: box.repo.rollback(), *_MORE)
    _settled(box)
    if box.repo.resolve("HEAD") == head:
        assert_same(before, box.root)
    else:
        assert box.repo.resolve("HEAD") == base
        assert_same(expected, box.root)
        box.repo.undo()
        assert_same(before, box.root)
    box.commit("later")


@pytest.mark.parametrize("part", range(10))
def test_an_undo_that_dies_is_before_or_after(box: Box, part: int) -> None:
    _, before = _prepare(box)
    head = box.repo.resolve("HEAD")
    expected = listing(box.elsewhere("HEAD~1"))
    box.repo.rollback()
    (box.root / "newer").write_text("newer")
    newer = listing(box.root)
    die_at(5 * part, lambda: box.repo.undo(), *_MORE)
    _settled(box)
    if box.repo.resolve("HEAD") == head:
        assert_same(before, box.root)
        box.repo.undo()
    assert_same(newer, box.root)
    assert expected.nodes.keys() | {b"newer"} == listing(box.root).nodes.keys()


@pytest.mark.parametrize("part", range(6))
def test_a_checkout_that_dies_is_before_or_after(box: Box, part: int) -> None:
    _, before = _prepare(box)
    head, base = box.repo.resolve("HEAD"), box.repo.resolve("HEAD~1")
    expected = listing(box.elsewhere("HEAD~1"))
    die_at(8 * part, lambda: box.repo.checkout("HEAD~1", discard=True), *_MORE)
    _settled(box)
    if box.repo.resolve("HEAD") == head:
        assert_same(before, box.root)
    else:
        assert box.repo.resolve("HEAD") == base
        assert_same(expected, box.root)
