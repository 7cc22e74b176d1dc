"""Undo and redo of every verb that records an operation, in a rootfs that is idle, in use, or gone with a reboot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from layerctl import Repository
from layerctl.errors import Busy, Conflict, MountpointInUse, NotFound, RefMoved
from layerctl.layer.remove import remove_tree
from tests.oracle import Listing, assert_same, listing
from tests.support.mounts import mount_at, unmount_below
from tests.unit.mount.people import using
from tests.unit.ops.conftest import AUTHOR, Box


def _make(source: Path) -> None:
    (source / "d").mkdir()
    for name in ("held", "d/x"):
        (source / name).write_text(name)
    os.link(source / "held", source / "d/linked")


def _dirty(root: Path, name: str = "dirty") -> None:
    (root / name).write_text("work")
    (root / "d/x").unlink(missing_ok=True)


def _busy_commit(box: Box) -> None:
    with using(box.root, "working directory"):
        box.repo.commit("busy")


def _import(box: Box) -> None:
    box.repo.import_image(str(box.top / "source"), branch="imported", tag="t/imported")


def _forced_branch(box: Box) -> None:
    box.repo.create_branch("side", "HEAD", force=True)


@contextmanager
def _idle(box: Box) -> Iterator[None]:
    yield


@contextmanager
def _shell(box: Box) -> Iterator[None]:
    with using(box.root, "working directory"):
        yield


@contextmanager
def _reboot(box: Box) -> Iterator[None]:
    unmount_below(box.top, lazily=True)
    yield


VERBS: dict[str, Callable[[Box], object]] = {
    "commit": lambda box: box.repo.commit("x"),
    "busy commit": _busy_commit,
    "partial commit": lambda box: box.repo.commit("x", paths=[b"dirty"]),
    "amend": lambda box: box.repo.commit(None, amend=True),
    "rollback": lambda box: box.repo.rollback(),
    "rollback HEAD": lambda box: box.repo.rollback("HEAD"),
    "checkout --discard": lambda box: box.repo.checkout("HEAD~1", discard=True),
    "checkout --at": lambda box: box.repo.checkout("HEAD", at=box.home / "elsewhere-at", discard=True),
    "checkout -b": lambda box: box.repo.checkout(new_branch="topic"),
    "checkout --detach": lambda box: box.repo.checkout(detach=True),
    "worktree add": lambda box: box.repo.add_worktree("w"),
    "import": _import,
    "tag": lambda box: box.repo.create_tag("v1", message="m"),
    "tag -d": lambda box: box.repo.delete_tag("old"),
    "branch": lambda box: box.repo.create_branch("b"),
    "branch -f": _forced_branch,
    "branch -d": lambda box: box.repo.delete_branch("side"),
}
SURROUNDINGS = {"idle": _idle, "a shell inside": _shell, "a reboot": _reboot}
#: What may be different with a shell inside, or is the same as for another verb, is run in idle alone.
EVERYWHERE = {"commit", "amend", "rollback", "checkout --discard"}


class State:
    """All that an undo brings back."""

    def __init__(self, box: Box) -> None:
        repo, self.box = box.repo, box
        store = box.store
        self.root: Listing | None = listing(Path(repo.mountpoint)) if mount_at(repo.mountpoint) else None
        self.refs = (
            store.git.refs("refs/heads") | store.git.refs("refs/tags") | store.git.refs("refs/layerctl/worktrees")
        )
        self.worktrees = [
            (item.name, item.head, item.branch, item.mountpoint, item.mounted, item.dirty)
            for item in repo.list_worktrees()
        ]
        self.changes = repo.status().changes

    def assert_is_back(self) -> None:
        now = State(self.box)
        assert now.refs == self.refs
        assert now.worktrees == self.worktrees
        assert now.changes == self.changes
        if self.root is not None and now.root is not None:
            assert_same(self.root, now.root)
        assert (self.root is None) == (now.root is None)


def _prepare(box: Box) -> None:
    box.base(_make)
    box.repo.create_tag("old")
    box.repo.create_branch("side")
    (box.root / "first").write_text("1")
    box.repo.commit("first")
    _dirty(box.root)


@pytest.mark.parametrize(
    ("verb", "around"),
    [(verb, around) for verb in VERBS for around in SURROUNDINGS if around == "idle" or verb in EVERYWHERE],
)
def test_undo_takes_a_verb_back_and_undo_again_does_it_again(box: Box, verb: str, around: str) -> None:
    _prepare(box)
    before = State(box)
    VERBS[verb](box)
    after = State(box)
    assert after.refs != before.refs or after.worktrees != before.worktrees or after.changes != before.changes
    with SURROUNDINGS[around](box):
        box.repo.undo()
        before.assert_is_back()
    box.repo.undo()
    after.assert_is_back()
    box.repo.undo()
    before.assert_is_back()
    (box.root / "later").write_text("later")
    box.repo.commit("later")


@pytest.mark.parametrize("around", SURROUNDINGS)
def test_a_clean_rollback_and_its_undo(box: Box, around: str) -> None:
    _prepare(box)
    box.repo.commit("all of it")
    before = State(box)
    with SURROUNDINGS[around](box):
        box.repo.rollback()
        after = State(box)
        box.repo.undo()
        before.assert_is_back()
    box.repo.undo()
    after.assert_is_back()


def test_the_undo_of_a_discarding_rollback_brings_back_the_commit_alone(box: Box) -> None:
    _prepare(box)
    box.repo.rollback("HEAD", discard=True)
    clean = State(box)
    _dirty(box.root, "again")
    box.repo.rollback(discard=True)
    box.repo.undo()
    clean.assert_is_back()


def test_a_removed_worktree_comes_back_with_its_work(box: Box) -> None:
    _prepare(box)
    other = Path(box.repo.add_worktree("w").mountpoint)
    _dirty(other, "theirs")
    before, theirs = State(box), listing(other)
    box.repo.remove_worktree("w", discard=True)
    assert not other.exists()
    box.repo.undo()
    before.assert_is_back()
    assert_same(theirs, other)
    there = Repository.open(box.home, worktree="w", author=AUTHOR)
    assert {change.path for change in there.status().changes if not change.is_noise} == {b"theirs", b"d/x"}
    there.commit("theirs")


def test_a_checkout_after_a_busy_commit_is_taken_back_to_what_was_shown(box: Box) -> None:
    """The write layer holds what HEAD has and the base has not: an empty one in its place would show the base."""
    _prepare(box)
    _busy_commit(box)
    before = State(box)
    assert before.changes == ()
    box.repo.checkout("HEAD~1")
    box.repo.undo()
    before.assert_is_back()


def test_newer_work_is_parked_by_an_undo_and_the_next_undo_brings_it_back(box: Box) -> None:
    _prepare(box)
    box.repo.rollback("HEAD")
    (box.root / "newer").write_text("newer")
    newer = State(box)
    undone = box.repo.undo()
    assert undone.parked
    assert (box.layout.parked / str(undone.operation) / "upper/newer").read_text() == "newer"
    assert not (box.root / "newer").exists()
    box.repo.undo()
    newer.assert_is_back()


def test_work_after_a_first_checkout_survives_its_undo(box: Box) -> None:
    box.base(_make)
    _dirty(box.root)
    before = State(box)
    assert box.repo.undo().parked
    assert mount_at(box.root) is None
    box.repo.undo()
    before.assert_is_back()


def test_a_write_layer_that_somebody_still_writes_to_does_not_come_back(box: Box) -> None:
    """It would be mounted twice (trap 30); nothing is changed until they leave."""
    _prepare(box)
    with using(box.root, "working directory"):
        box.repo.rollback()
        # as where the parent mount is shared: the old mount is detached and has no place any more
        for parked in box.layout.parked.iterdir():
            unmount_below(parked, lazily=True)
        before = State(box)
        context = box.repo._context
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("layerctl.ops.mounting._TEARDOWN_SECONDS", 0.1)
            with pytest.raises(Busy):
                box.repo.undo()
        assert not context.store.journal.has_pending
        before.assert_is_back()
    box.repo.undo()
    assert (box.root / "dirty").exists()


def test_what_plain_git_did_since_is_not_taken_back(box: Box) -> None:
    _prepare(box)
    box.repo.create_branch("b")
    head = box.repo.resolve("HEAD~1")
    box.store.git.raw.references["refs/heads/b"].set_target(str(head))
    with pytest.raises(RefMoved, match="refs/heads/b"):
        box.repo.undo()
    assert box.repo.resolve("b") == head
    box.repo.restore_operation(box.store.journal.next_number() - 2)
    assert box.store.git.ref("refs/heads/b") is None
    box.repo.undo()
    assert box.repo.resolve("b") == head


def test_a_mount_point_that_was_filled_meanwhile_stops_an_undo_before_anything_happens(box: Box) -> None:
    _prepare(box)
    other = Path(box.repo.add_worktree("w").mountpoint)
    box.repo.remove_worktree("w")
    other.mkdir()
    (other / "stray").write_text("stray")
    with pytest.raises(MountpointInUse):
        box.repo.undo()
    assert [item.name for item in box.repo.list_worktrees()] == ["default"]
    remove_tree(other)
    box.repo.undo()
    assert (other / "held").exists()


def test_every_state_can_be_restored_in_any_order(box: Box) -> None:
    box.base(_make)
    states = {box.store.journal.next_number() - 1: State(box)}

    def then(action: Callable[[], object]) -> None:
        action()
        states[box.store.journal.next_number() - 1] = State(box)

    then(lambda: box.repo.create_branch("a"))
    (box.root / "one").write_text("1")
    then(lambda: box.repo.commit("one"))
    then(lambda: box.repo.checkout(new_branch="topic"))
    then(lambda: box.repo.add_worktree("w"))
    (box.home / "rootfs-w/there").write_text("x")
    then(lambda: Repository.open(box.home, worktree="w", author=AUTHOR).commit("there"))
    then(lambda: box.repo.remove_worktree("w"))
    then(lambda: box.repo.delete_branch("a"))
    then(lambda: box.repo.create_branch("a/b"))
    then(lambda: box.repo.rollback())
    then(lambda: box.repo.undo())
    for number in (5, 11, 3, 9, 2, 10, 4, 8, 6, 7, 0, 12):
        assert box.repo.restore_operation(number).restored == number
        if number == 0:
            assert State(box).refs == {}
        elif number in (2, 3, 6):  # what was written after it, and committed later, shows there, not committed
            assert State(box).refs == states[number].refs
            assert any(item.dirty for item in box.repo.list_worktrees())
        else:
            states[number].assert_is_back()
    assert not box.repo.restore_operation(box.store.journal.next_number() - 1).operation


def test_a_restore_is_one_operation_that_undo_takes_back(box: Box) -> None:
    _prepare(box)
    other = Path(box.repo.add_worktree("w").mountpoint)
    _dirty(other, "theirs")
    before, theirs = State(box), listing(other)
    result = box.repo.restore_operation(1)
    assert result.parked
    assert mount_at(box.root) is None
    assert [item.name for item in box.repo.list_worktrees()] == ["default"]
    parked = box.layout.parked / str(result.operation)
    assert (parked / "worktrees/default/upper/dirty").exists()
    assert (parked / "worktrees/w/worktree/upper/theirs").exists()
    box.repo.undo()
    before.assert_is_back()
    assert_same(theirs, other)


def test_commits_that_a_restore_leaves_behind_are_kept_by_refs(box: Box) -> None:
    _prepare(box)
    tip = box.repo.commit("tip").commit
    box.repo.restore_operation(1)
    kept = box.store.git.refs("refs/layerctl/operations")
    assert tip.hex in kept.values()


@pytest.mark.parametrize("number", [-1, 99])
def test_an_operation_that_never_was_is_not_found(box: Box, number: int) -> None:
    box.base(_make)
    with pytest.raises(NotFound):
        box.repo.restore_operation(number)


def test_a_name_in_the_way_of_a_deleted_one_is_a_conflict(box: Box) -> None:
    _prepare(box)
    box.repo.delete_branch("side")
    box.store.git.raw.references.create("refs/heads/side/x", str(box.repo.resolve("HEAD")))
    with pytest.raises(Conflict):
        box.repo.undo()
    assert not box.store.journal.has_pending
