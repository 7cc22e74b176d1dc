"""Taking operations back, whatever they were about."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from layerctl import Repository
from layerctl.errors import Conflict, NothingToUndo
from tests.oracle import assert_same, listing
from tests.unit.ops.conftest import AUTHOR, Box


def _with_held(source: Path) -> None:
    (source / "held").write_text("content")


_REF_VERBS: dict[str, Callable[[Repository], object]] = {
    "tag": lambda repo: repo.create_tag("v1"),
    "annotated tag": lambda repo: repo.create_tag("v1", message="m"),
    "branch": lambda repo: repo.create_branch("b"),
    "deleted branch": lambda repo: repo.delete_branch("old"),
}


@pytest.mark.parametrize("verb", _REF_VERBS)
def test_undoing_what_moved_no_rootfs_leaves_the_rootfs_alone(box: Box, verb: str) -> None:
    box.base(_with_held)
    box.repo.create_branch("old")
    (box.root / "dirty").write_text("mine")
    before, refs = listing(box.root), box.store.git.refs("refs/heads") | box.store.git.refs("refs/tags")
    inode = box.upper.stat().st_ino
    _REF_VERBS[verb](box.repo)
    box.repo.undo()
    assert box.store.git.refs("refs/heads") | box.store.git.refs("refs/tags") == refs
    assert_same(before, box.root)
    assert box.upper.stat().st_ino == inode


def test_undo_after_a_commit_makes_its_changes_uncommitted_again(box: Box) -> None:
    box.base(_with_held)
    (box.root / "new").write_text("x")
    before = listing(box.root)
    box.repo.commit("x")
    box.repo.undo()
    assert_same(before, box.root)
    assert [change.path for change in box.repo.status().changes if not change.is_noise] == [b"new"]
    box.commit("again")
    assert len(list(box.repo.log())) == 2


def test_an_undo_concerns_the_worktree_of_what_it_takes_back(box: Box) -> None:
    box.base(_with_held)
    (box.root / "dirty").write_text("mine")
    other = box.elsewhere()
    there = Repository.open(box.home, worktree="elsewhere", author=AUTHOR)
    (other / "theirs").write_text("x")
    before, theirs = listing(box.root), listing(other)
    there.rollback("HEAD")
    assert os.listdir(other) == ["held"]
    box.repo.undo()
    assert_same(before, box.root)
    assert_same(theirs, other)


def test_undo_and_redo_any_number_of_times(box: Box) -> None:
    box.base(_with_held)
    (box.root / "new").write_text("x")
    box.commit()
    (box.root / "dirty").write_text("x")
    dirty = listing(box.root)
    box.repo.rollback()
    (box.root / "after").write_text("x")
    after = listing(box.root)
    for _ in range(3):
        box.repo.undo()
        assert_same(dirty, box.root)
        box.repo.undo()
        assert_same(after, box.root)


def test_nothing_to_undo_is_said(tmp_path: Path) -> None:
    repo = Repository.init(tmp_path / "r", author=AUTHOR)
    with pytest.raises(NothingToUndo):
        repo.undo()


@pytest.mark.parametrize("make", ["create_branch", "create_tag"])
def test_a_name_that_cannot_be_beside_another_does_not_block_the_repository(box: Box, make: str) -> None:
    """``main/x`` beside ``main``: Git cannot have both, and an operation once written down has to be finished."""
    box.base(_with_held)
    getattr(box.repo, make)("a")
    for name in ("a/b", "a/b/c"):
        with pytest.raises(Conflict):
            getattr(box.repo, make)(name)
    assert not box.store.journal.has_pending
    box.repo.create_branch("fine")
