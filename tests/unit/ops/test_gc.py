"""What gc frees, and above all what it does not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from layerctl import Repository
from layerctl.errors import Busy, HookRefused, NotFound, NothingToUndo, UsageError
from layerctl.model.results import GcResult
from layerctl.mount import syscalls
from layerctl.store import journal
from layerctl.store.git import GitRepository
from tests.oracle import assert_same, listing
from tests.property.stored import assert_fsck_clean
from tests.support.mounts import unmount_below
from tests.unit.mount.people import using
from tests.unit.ops.conftest import AUTHOR, Box
from tests.unit.store.dying import die_at


def _held(source: Path) -> None:
    (source / "held").write_text("content")


def _gc(box: Box, grace: str = "now", **options: bool) -> GcResult:
    return box.repo.gc(grace=grace, **options)


def _forget_reflogs(box: Box) -> None:
    box.repo.set_config("gc.reflogExpireUnreachable", "now")


def _layers(box: Box) -> set[str]:
    return set(os.listdir(box.layout.layers)) - {"compacted"}


def _objects(box: Box) -> set[str]:
    return {str(oid) for oid in box.store.git.raw.odb}


def _used(path: Path) -> int:
    return int(subprocess.run(["du", "-s", "-B1", path], capture_output=True, check=True, text=True).stdout.split()[0])


def _undone_commit(box: Box) -> str:
    """A commit that only the operation log and reflogs lead to, and whose layer nothing mounts; returns its id."""
    box.base(_held)
    (box.root / "gone").write_bytes(os.urandom(100_000))
    made = box.repo.commit("gone").commit.hex
    box.repo.rollback()
    return made


def test_what_nothing_needs_goes_and_the_disk_has_the_space_again(box: Box) -> None:
    gone = _undone_commit(box)
    _forget_reflogs(box)
    kept = box.repo.resolve("HEAD").hex
    before, shown = _used(box.layout.root), listing(box.root)
    wanted = _gc(box, dry_run=True)
    assert wanted.dry_run and gone in _objects(box)
    result = _gc(box)
    assert {kind: item.count for kind, item in result.freed.items()} == {
        kind: item.count for kind, item in wanted.freed.items()
    }
    assert result.freed["layers"].count == 1
    assert result.freed["objects"].count > 3
    assert gone not in _objects(box) and kept in _objects(box)
    assert len(_layers(box)) == 1
    assert before - _used(box.layout.root) >= result.freed["layers"].size + result.freed["parked"].size > 100_000
    assert_same(shown, box.root)
    assert_fsck_clean(box.layout.root)
    assert os.listdir(box.layout.tmp) == []
    assert all(item.count == 0 for item in _gc(box).freed.values())
    (box.root / "new").write_text("new")
    box.commit("goes on")


def test_within_the_grace_everything_can_be_taken_back(box: Box) -> None:
    gone = _undone_commit(box)
    (box.root / "parked").write_text("work")
    dirty = listing(box.root)
    box.repo.rollback("HEAD")
    assert all(item.count == 0 for item in _gc(box, "1 hour").freed.values())
    box.repo.undo()
    assert_same(dirty, box.root)
    box.repo.restore_operation(3)
    assert box.repo.resolve("HEAD").hex == gone
    assert (box.root / "gone").exists()


def _later(days: int, action: Callable[[], object]) -> None:
    """As if the clock had gone on."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now() + timedelta(days=days)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("layerctl.ops.context.datetime", Clock)
        action()


def test_operations_go_from_the_oldest_on_and_the_others_can_be_taken_back(box: Box) -> None:
    box.base(_held)
    (box.root / "old").write_text("old")
    _later(-40, lambda: box.repo.rollback("HEAD"))
    (box.root / "new").write_text("new")
    new = listing(box.root)
    box.repo.rollback("HEAD")
    # the first operations are made now, so nothing is older than a month before the third
    assert _gc(box, "30 days").freed["operations"].count == 0
    for number in (1, 2):
        path = box.layout.journal / f"ops/{number:010d}.json"
        operation = box.store.journal.read(number)
        record = operation.to_json() | {"time": (operation.time - timedelta(days=41)).isoformat()}
        path.write_bytes(journal.dump_record(record))
    result = _gc(box, "30 days")
    assert (result.freed["operations"].count, result.freed["parked"].count, result.through) == (3, 1, 3)
    assert os.listdir(box.layout.parked) == ["4"]
    with pytest.raises(NotFound, match="too old"):
        box.repo.restore_operation(2)
    assert box.repo.restore_operation(3).restored == 3
    assert_same(new, box.root)
    assert [item.number for item in box.repo.operations()] == [5, 4]


def test_an_undo_after_everything_was_let_go_says_so(box: Box) -> None:
    box.base(_held)
    box.repo.rollback("HEAD")
    number = box.store.journal.next_number()
    _gc(box)
    with pytest.raises(NothingToUndo) as caught:
        box.repo.undo()
    assert "gc" in str(caught.value.hint)
    box.repo.create_branch("b")
    assert box.store.journal.newest().number == number  # type: ignore[union-attr]
    box.repo.undo()


def test_the_base_of_a_write_layer_stays_although_nothing_else_leads_to_it(box: Box) -> None:
    """After the undo of a commit the worktree lies on a commit that no branch has."""
    box.base(_held)
    _forget_reflogs(box)
    (box.root / "new").write_text("x")
    made = box.repo.commit("x").commit.hex
    box.repo.undo()
    before = listing(box.root)
    _gc(box)
    assert made in _objects(box)
    assert made in box.store.git.refs("refs/layerctl/operations").values()  # a stray git gc must not take it either
    unmount_below(box.top, lazily=True)
    box.repo.checkout()
    assert_same(before, box.root)


def test_a_detached_head_and_a_worktree_keep_their_commits(box: Box) -> None:
    gone = _undone_commit(box)
    _forget_reflogs(box)
    other = Path(box.repo.add_worktree("w", gone, detach=True).mountpoint)
    shown = listing(other)
    _gc(box)
    assert_same(shown, other)
    assert gone in _objects(box)
    box.repo.remove_worktree("w")
    _gc(box)
    assert gone not in _objects(box)


@pytest.mark.parametrize("way", ["working directory", "other namespace"])
def test_what_somebody_still_uses_stays(box: Box, way: str) -> None:
    """A shell in a rootfs that was rolled back, or another mount namespace that still has it (trap 35)."""
    box.base(_held)
    _forget_reflogs(box)
    (box.root / "gone").write_text("gone")
    box.repo.commit("gone")
    with using(box.root, way) as person:
        box.repo.rollback()
        result = _gc(box)
        assert result.in_use == ("parked/4",)
        assert len(_layers(box)) == 2
        if way == "working directory":
            assert Path(f"/proc/{person.pid}/cwd/gone").read_text() == "gone"
            box.repo.undo()
            assert (box.root / "gone").read_text() == "gone"
            box.repo.undo()
    _wait_until_free(box)
    assert _gc(box).in_use == ()
    assert len(_layers(box)) == 1


def _wait_until_free(box: Box) -> None:
    from layerctl.mount.overlay import is_upper_in_use  # noqa: PLC0415

    for upper in box.layout.parked.glob("*/upper"):
        for _ in range(200):
            unmount_below(upper.parent)
            if not is_upper_in_use(upper, box.layout.tmp):
                break


def test_layers_of_a_rootfs_that_is_mounted_nowhere_any_more_stay_while_it_is_used(box: Box) -> None:
    gone = _undone_commit(box)
    _forget_reflogs(box)
    box.repo.checkout(gone, detach=True)
    with using(box.root, "working directory") as person:
        box.repo.checkout("main", discard=True)
        box.repo.rollback("HEAD", discard=True)
        result = _gc(box)
        assert any(path.startswith("layers/") for path in result.in_use)
        assert len(Path(f"/proc/{person.pid}/cwd/gone").read_bytes()) == 100_000
    assert _gc(box).in_use == ()
    assert len(_layers(box)) == 1


def test_young_garbage_stays_and_ages(box: Box) -> None:
    """Plain Git may be making something in here (trap 42)."""
    box.base(_held)
    raw = box.store.git.raw
    blob = raw.create_blob(b"somebody's")
    tree = raw.TreeBuilder()
    tree.insert("file", blob, 0o100644)
    young = {str(blob), str(tree.write())}
    _forget_reflogs(box)
    for _ in range(2):
        box.repo.gc(grace="1 hour")
        assert young <= _objects(box)
    assert _gc(box).freed["objects"].count == 2
    assert not young & _objects(box)


def test_old_garbage_in_a_pack_goes_and_all_else_is_one_pack(box: Box) -> None:
    def many(source: Path) -> None:
        for number in range(100):
            (source / f"d{number}").mkdir()
            (source / f"d{number}/f").write_text("x")

    box.base(many)
    box.repo.import_image(str(box.top / "source"), branch="other", changes=["ENV A=b"])
    (box.root / "d1/f").write_text("y")
    box.repo.commit("y")
    wanted = _objects(box)
    folder = box.layout.git / "objects/pack"
    assert len(list(folder.glob("*.pack"))) >= 1
    _gc(box)
    assert _objects(box) == wanted
    assert len(list(folder.glob("*.pack"))) == 1
    box.repo.delete_branch("other", force=True)
    _forget_reflogs(box)
    assert _gc(box).freed["objects"].count >= 2
    assert len(list(folder.glob("*.pack"))) == 1
    assert _objects(box) < wanted
    assert_fsck_clean(box.layout.root)


def test_reflog_entries_go_as_git_lets_them_go(box: Box) -> None:
    _undone_commit(box)
    assert len(box.repo.reflog()) == 3
    box.repo.gc()
    assert len(box.repo.reflog()) == 3
    _forget_reflogs(box)
    assert box.repo.gc().freed["reflog_entries"].count > 0
    assert {line.commit for line in box.repo.reflog()} == {box.repo.resolve("HEAD")}
    box.repo.set_config("gc.reflogExpire", "now")
    box.repo.gc()
    assert box.repo.reflog() == []
    assert_fsck_clean(box.layout.root)


def test_unused_runs_go_and_used_ones_stay(box: Box) -> None:
    box.base(_held)
    for number in range(30):
        (box.root / "n").write_text(str(number))
        box.repo.commit(str(number))
    other = Path(box.repo.add_worktree("w", "HEAD~2", detach=True).mountpoint)
    runs = set(os.listdir(box.layout.compacted))
    box.repo.remove_worktree("w")
    shown = listing(box.root)
    result = _gc(box)
    left = set(os.listdir(box.layout.compacted))
    assert result.freed["runs"].count == len(runs - left)
    assert left < runs
    assert_same(shown, box.root)
    unmount_below(box.top, lazily=True)
    box.repo.checkout()
    assert_same(shown, box.root)
    assert not other.exists()


def test_a_hook_can_stop_it(box: Box) -> None:
    _undone_commit(box)
    hook = box.layout.hooks / "pre-gc"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    before = _objects(box)
    with pytest.raises(HookRefused):
        _gc(box)
    assert _objects(box) == before
    _gc(box, dry_run=True)


def test_a_verb_at_work_keeps_it_away(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.base(_held)
    repo = box.repo
    monkeypatch.setattr(repo._context.store.lock, "_wait", 0.05)
    with box.store.lock.in_use(), pytest.raises(Busy):
        repo.gc(grace="now")


@pytest.mark.parametrize("value", ["soon", "3"])
def test_an_age_that_is_none_is_said_with_its_key(box: Box, value: str) -> None:
    box.base(_held)
    box.repo.set_config("gc.pruneExpire", value)
    with pytest.raises(UsageError, match=r"gc\.pruneExpire"):
        box.repo.gc()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("part", range(8))
def test_a_gc_that_dies_leaves_nothing_broken_and_the_next_one_ends_it(box: Box, part: int) -> None:
    _undone_commit(box)
    _forget_reflogs(box)
    (box.root / "work").write_text("work")
    shown, kept = listing(box.root), box.repo.resolve("HEAD").hex
    die_at(
        6 * part, lambda: _gc(box), (GitRepository, "_set"), (syscalls, "umount"), (Path, "unlink"), (Path, "rename")
    )
    assert_fsck_clean(box.layout.root)
    assert_same(shown, box.root)
    (box.root / "more").write_text("more")
    box.commit("more")
    Repository.open(box.home, worktree="elsewhere", author=AUTHOR)
    _gc(box)
    assert kept in _objects(box)
    assert not any(path.name != "elsewhere" for path in box.layout.tmp.iterdir())
    assert len(_layers(box)) == 2
    assert_fsck_clean(box.layout.root)
