"""Operations happen whole or not at all, whenever the process dies."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from layerctl.errors import Conflict, Damaged, NotFound, RefMoved, Unfinished
from layerctl.model.operation import FileMove, Move, Operation, RefMove, Rename
from layerctl.store.git import GitRepository
from layerctl.store.layout import Layout
from layerctl.store.store import Store
from tests.unit.store.dying import die_at

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def _operation(*moves: Move, number: int = 1, undoes: int | None = None) -> Operation:
    when = datetime(2026, 1, 1, tzinfo=UTC)
    return Operation(number, when, "Ann <ann@x>", "commit", "a description", tuple(moves), undoes)


def _commits(store: Store) -> list[str]:
    """Three Git objects that refs can point at."""
    return [store.git.write_blob(b"%d" % number).hex() for number in range(3)]


@pytest.fixture
def moves(store: Store, layout: Layout) -> list[Move]:
    """What a commit in place does: names are used twice, refs are made, moved and deleted."""
    one, two, three = _commits(store)
    store.git.raw.create_reference("refs/heads/main", one)
    store.git.raw.create_reference("refs/heads/old", three)
    (layout.worktrees / "default/upper").mkdir()
    (layout.worktrees / "default/upper/content").write_text("mine")
    (layout.tmp / "fresh/upper").mkdir(parents=True)
    head = (layout.worktrees / "default/HEAD").read_text()
    return [
        Rename("worktrees/default/upper", "layers/abc/fs"),
        FileMove("layers/abc/layer.json", None, "{}\n"),
        Rename("tmp/fresh/upper", "worktrees/default/upper"),
        FileMove("worktrees/default/HEAD", head, "ref: refs/heads/other\n"),
        RefMove("refs/heads/main", one, two, "commit: x"),
        RefMove("refs/heads/deep/er", None, one, "made"),
        RefMove("refs/heads/old", three, None, "deleted"),
    ]


def _state(layout: Layout) -> dict[str, object]:
    """Everything that an operation is about; garbage in ``tmp`` aside."""
    store = Store(layout)
    files = {}
    for folder in (layout.worktrees, layout.layers):
        for top, dirs, names in os.walk(folder):
            for name in (*dirs, *names):
                path = Path(top, name)
                if not name.startswith("."):
                    files[str(path)] = path.read_bytes() if path.is_file() else None
    return {
        "files": files,
        "refs": store.git.refs(),
        "operations": [operation.number for operation in store.journal.operations()],
        "pending": store.journal.has_pending,
    }


def test_an_operation_makes_all_its_moves(store: Store, layout: Layout, moves: list[Move]) -> None:
    operation = _operation(*moves)
    store.journal.perform(operation)
    assert (layout.layers / "abc/fs/content").read_text() == "mine"
    assert os.listdir(layout.worktrees / "default/upper") == []
    assert (layout.worktrees / "default/HEAD").read_text() == "ref: refs/heads/other\n"
    assert store.git.refs().keys() == {"refs/heads/main", "refs/heads/deep/er"}
    assert store.git.reflog("refs/heads/main")[0].message == "commit: x"
    assert store.git.reflog("refs/heads/main")[0].author.email == "ann@x"
    assert list(store.journal.operations()) == [operation]
    assert not store.journal.has_pending


def test_whenever_the_process_dies_it_is_before_or_after(
    store: Store, layout: Layout, moves: list[Move], tmp_path: Path
) -> None:
    """Trap 41."""
    saved = tmp_path / "saved"
    shutil.copytree(layout.root, saved)
    before = _state(layout)
    seen = []
    for step in range(1000):
        done = die_at(
            step,
            lambda: Store(layout).journal.perform(_operation(*moves)),
            (GitRepository, "_set"),
        )
        store = Store(layout)
        store.recover()
        assert store.recover() is None
        state = _state(layout)
        seen.append(state == before)
        assert state == before or state["operations"] == [1]
        if not seen[-1]:
            assert (layout.layers / "abc/fs/content").read_text() == "mine"
            assert store.git.refs().keys() == {"refs/heads/main", "refs/heads/deep/er"}
            assert (layout.worktrees / "default/HEAD").read_text() == "ref: refs/heads/other\n"
        shutil.rmtree(layout.root)
        shutil.copytree(saved, layout.root)
        if done:
            break
    assert step > 15
    assert seen == sorted(seen, reverse=True), "first it has not happened, from some step on it has"


def test_whoever_recovers_may_die_as_well(store: Store, layout: Layout, moves: list[Move], tmp_path: Path) -> None:
    assert not die_at(6, lambda: Store(layout).journal.perform(_operation(*moves)))
    assert Store(layout).journal.has_pending
    for step in range(100):
        if die_at(step, lambda: Store(layout).recover(), (GitRepository, "_set")):
            break
    state = _state(layout)
    assert (state["operations"], state["pending"]) == ([1], False)
    assert (layout.layers / "abc/fs/content").read_text() == "mine"


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/heads/deep/er", "packed-refs"])
def test_a_stale_lock_of_git_does_not_block_recovery(store: Store, layout: Layout, moves: list[Move], ref: str) -> None:
    """Trap 39."""
    lock = layout.git / f"{ref}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    assert not die_at(6, lambda: Store(layout).journal.perform(_operation(*moves)))
    lock.touch()
    Store(layout).recover()
    assert _state(layout)["operations"] == [1]
    assert not lock.exists()


def test_a_ref_that_somebody_moved_stops_the_operation_before_it_happens(
    store: Store, layout: Layout, moves: list[Move]
) -> None:
    three = store.git.ref("refs/heads/old")
    store.git.raw.references["refs/heads/main"].set_target(three)
    before = _state(layout)
    with pytest.raises(RefMoved):
        store.journal.perform(_operation(*moves))
    assert _state(layout) == before


def test_a_ref_that_git_moved_after_the_interruption_is_left_where_it_is(
    store: Store, layout: Layout, moves: list[Move]
) -> None:
    assert not die_at(6, lambda: Store(layout).journal.perform(_operation(*moves)))
    three = store.git.ref("refs/heads/old")
    store.git.raw.references["refs/heads/main"].set_target(three)
    Store(layout).recover()
    state = _state(layout)
    assert state["operations"] == [1]
    assert state["refs"]["refs/heads/main"] == three  # type: ignore[index]


@pytest.mark.parametrize("damage", ["torn", "altered", "empty"])
@pytest.mark.parametrize("which", ["pending.json", "ops/0000000001.json"])
def test_a_damaged_record_is_reported(store: Store, layout: Layout, moves: list[Move], damage: str, which: str) -> None:
    store.journal.perform(_operation(*moves))
    path = layout.journal / which
    os.replace(layout.journal / "ops/0000000001.json", path)
    data = path.read_bytes()
    path.write_bytes({"torn": data[:100], "altered": data.replace(b"abc", b"abd"), "empty": b""}[damage])
    with pytest.raises(Damaged, match=which.rpartition("/")[2]):
        if which == "pending.json":
            Store(layout).recover()
        else:
            list(Store(layout).journal.operations())


def test_a_pending_operation_that_came_back_after_a_power_cut_changes_nothing(
    store: Store, layout: Layout, moves: list[Move]
) -> None:
    """The name of the record had gone to the log, but that was not on disk yet."""
    store.journal.perform(_operation(*moves))
    after = _state(layout)
    os.replace(layout.journal / "ops/0000000001.json", layout.journal / "pending.json")
    Store(layout).recover()
    assert _state(layout) == after


def test_a_write_layer_that_is_missing_is_damage_and_not_silence(
    store: Store, layout: Layout, moves: list[Move]
) -> None:
    assert not die_at(4, lambda: Store(layout).journal.perform(_operation(*moves)))
    shutil.rmtree(layout.worktrees / "default/upper")
    with pytest.raises(Damaged, match="upper"):
        Store(layout).recover()


def test_signals_wait_until_the_operation_is_whole(
    store: Store, layout: Layout, moves: list[Move], monkeypatch: pytest.MonkeyPatch
) -> None:
    move_ref = store.git.move_ref

    def interrupted(*args: object, **options: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        move_ref(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(store.git, "move_ref", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.journal.perform(_operation(*moves))
    assert _state(layout)["operations"] == [1]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize("name", ["refs/heads/main/below", "refs/heads/old"])
def test_a_ref_that_cannot_be_beside_another_stops_the_operation_before_it_happens(
    store: Store, layout: Layout, name: str
) -> None:
    one = _commits(store)[0]
    store.git.raw.create_reference("refs/heads/main", one)
    store.git.raw.create_reference("refs/heads/old/er", one)
    with pytest.raises(Conflict):
        store.journal.perform(_operation(RefMove(name, None, one, "made")))
    assert not store.journal.has_pending


def test_numbers_go_on_from_the_highest(store: Store, layout: Layout) -> None:
    assert store.journal.next_number() == 1
    for number in (1, 2, 9, 10):
        store.journal.perform(_operation(FileMove("worktrees/default/x", None, "x"), number=number))
    for name in ("9.json", "99999999999.json", "0000000099.json.orig", "x.json"):
        (layout.journal / "ops" / name).write_text("no record of ours")
    assert store.journal.next_number() == 11
    assert [operation.number for operation in store.journal.operations()] == [10, 9, 2, 1]
    with pytest.raises(NotFound):
        store.journal.read(3)


def test_a_record_can_be_read_by_people(store: Store, layout: Layout) -> None:
    store.journal.perform(_operation(FileMove("worktrees/default/x", None, "x")))
    record = json.loads((layout.journal / "ops/0000000001.json").read_text())
    assert (record["verb"], record["moves"][0]["path"]) == ("commit", "worktrees/default/x")


@pytest.mark.parametrize("made", [0, 3])
def test_what_a_full_disk_stops_counts_and_is_finished_by_the_next(
    store: Store, layout: Layout, moves: list[Move], monkeypatch: pytest.MonkeyPatch, made: int
) -> None:
    rename, left = os.rename, [made + 1]  # the first brings the record in

    def refuse(*args: Any, **options: Any) -> None:
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device", args[0])
        left[0] -= 1
        rename(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refuse)
        with pytest.raises(Unfinished, match=r"operation 1 \(commit\) is recorded, .*no space left on device"):
            store.journal.perform(_operation(*moves))
        with pytest.raises(Unfinished):
            Store(layout).recover()
    assert Store(layout).recover() is not None
    assert _state(layout)["operations"] == [1]


def test_what_fails_before_the_record_does_not_count(
    store: Store, layout: Layout, moves: list[Move], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _state(layout)

    def refuse(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="Input/output error"):
            store.journal.perform(_operation(*moves))
    assert _state(layout) == before
