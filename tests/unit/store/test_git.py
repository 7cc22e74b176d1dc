"""Refs, reflogs and config through libgit2, as plain Git sees them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from layerctl.errors import Conflict, Damaged, RefMoved, RefNotFound, UsageError
from layerctl.model.commit import Author
from layerctl.model.ids import ObjectId
from layerctl.model.operation import RefMove
from layerctl.store import git as git_module
from layerctl.store.git import GitRepository
from layerctl.store.layout import Layout
from layerctl.store.objectformat import format_signature, parse_signature
from layerctl.store.store import Store

_ANN = Author("Ann Ü", "ann@x")
_REF = "refs/heads/main"


@pytest.fixture
def synced(layout: Layout, tmp_path: Path) -> Callable[[Callable[[], object]], list[str]]:
    """Runs something under strace(1); returns what it synced, relative to the Git repository."""

    def run(action: Callable[[], object]) -> list[str]:
        trace = tmp_path / "trace"
        command = ["strace", "-y", "-o", trace, "-e", "trace=fsync,fdatasync", "-p", str(os.getpid())]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
            assert strace.stderr is not None
            assert "attached" in strace.stderr.readline()
            action()
            strace.terminate()
        return re.findall(rf"<{layout.git}/([^>]*)>", trace.read_text())

    return run


@pytest.fixture
def ids(store: Store) -> list[str]:
    return [store.git.write_blob(b"%d" % number).hex() for number in range(3)]


def _git(layout: Layout, *args: str) -> str:
    return subprocess.run(
        ["git", "--git-dir", layout.git, *args], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_ref_is_made_moved_and_deleted(store: Store, layout: Layout, ids: list[str]) -> None:
    store.git.move_ref(RefMove(_REF, None, ids[0], "made"), _ANN)
    assert _git(layout, "rev-parse", _REF) == ids[0]
    store.git.move_ref(RefMove(_REF, ids[0], ids[1], "moved"), _ANN)
    assert store.git.ref(_REF) == ids[1]
    store.git.move_ref(RefMove(_REF, ids[1], None, "gone"), _ANN)
    assert store.git.ref(_REF) is None
    assert store.git.refs() == {}


def test_a_move_made_before_is_not_made_again(store: Store, ids: list[str]) -> None:
    for _ in range(2):
        store.git.move_ref(RefMove(_REF, None, ids[0], "made"), _ANN)
    assert len(store.git.reflog(_REF)) == 1
    store.git.move_ref(RefMove("refs/heads/none", ids[0], None, "gone"), _ANN)


def test_a_ref_that_is_elsewhere_is_left_alone(store: Store, ids: list[str]) -> None:
    store.git.move_ref(RefMove(_REF, None, ids[0], "made"), _ANN)
    with pytest.raises(RefMoved):
        store.git.move_ref(RefMove(_REF, ids[1], ids[2], "moved"), _ANN)
    assert store.git.ref(_REF) == ids[0]


def test_the_reflog_says_who_and_why_newest_first(store: Store, layout: Layout, ids: list[str]) -> None:
    store.git.move_ref(RefMove(_REF, None, ids[0], "made"), _ANN)
    store.git.move_ref(RefMove(_REF, ids[0], ids[1], "moved"), _ANN)
    newest, oldest = store.git.reflog(_REF)
    assert (newest.old, newest.new, newest.message, newest.author) == (ids[0], ids[1], "moved", _ANN)
    assert (oldest.old, oldest.new) == (None, ids[0])
    with pytest.raises(RefNotFound):
        store.git.reflog("refs/heads/none")


def test_a_reflog_is_kept_for_layerctls_own_refs_too(store: Store, ids: list[str]) -> None:
    store.git.move_ref(RefMove("refs/layerctl/worktrees/w", None, ids[0], "made"), _ANN)
    assert [entry.message for entry in store.git.reflog("refs/layerctl/worktrees/w")] == ["made"]


def test_a_name_below_another_is_a_conflict(store: Store, ids: list[str]) -> None:
    store.git.move_ref(RefMove(_REF, None, ids[0], "made"), _ANN)
    with pytest.raises(Conflict):
        store.git.move_ref(RefMove(_REF + "/below", None, ids[0], "made"), _ANN)


@pytest.mark.parametrize("ref", [_REF, "refs/heads/new"])
def test_a_lock_that_a_killed_program_left_does_not_block(
    store: Store, layout: Layout, ids: list[str], monkeypatch: pytest.MonkeyPatch, ref: str
) -> None:
    """Trap 39."""
    monkeypatch.setattr(git_module, "_STALE_SECONDS", 0.1)
    store.git.move_ref(RefMove(_REF, None, ids[0], "made"), _ANN)
    (layout.git / f"{ref}.lock").touch()
    store.git.move_ref(RefMove(ref, store.git.ref(ref), ids[1], "moved"), _ANN)
    assert store.git.ref(ref) == ids[1]
    assert not (layout.git / f"{ref}.lock").exists()


def test_refs_that_git_packed_are_seen_and_moved(store: Store, layout: Layout, ids: list[str]) -> None:
    store.git.move_ref(RefMove(_REF, None, ids[0], "made"), _ANN)
    _git(layout, "pack-refs", "--all")
    fresh = GitRepository(layout.git)
    assert fresh.refs() == {_REF: ids[0]}
    fresh.move_ref(RefMove(_REF, ids[0], ids[1], "moved"), _ANN)
    assert _git(layout, "rev-parse", _REF) == ids[1]


@pytest.mark.parametrize(
    "name", ["a b", "a..b", "a.lock", "-x", "HEAD", "@", "a~b", "", "a//b", "/a", "a/", "a\x7f", "@{", "a:b", "a\\b"]
)
def test_a_name_that_git_refuses_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError):
        GitRepository.check_ref_name(f"refs/heads/{name}")


@pytest.mark.parametrize("name", ["main", "feature/x", "ü", "v1.0", "a@b", "a-b"])
def test_a_name_that_git_takes_is_taken(name: str) -> None:
    GitRepository.check_ref_name(f"refs/heads/{name}")


def test_a_missing_or_broken_object_is_damage(store: Store, layout: Layout) -> None:
    with pytest.raises(Damaged):
        store.git.read(ObjectId(b"\1" * 20))
    oid = store.git.write_blob(b"content")
    path = layout.git / "objects" / oid.hex()[:2] / oid.hex()[2:]
    path.chmod(0o644)
    path.write_bytes(b"torn")
    with pytest.raises(Damaged):
        GitRepository(layout.git).read(oid)


def test_a_ref_cannot_move_to_a_commit_that_is_not_there(store: Store, ids: list[str]) -> None:
    for ref, old in (("refs/heads/new", None), ("refs/heads/main", ids[0])):
        if old:
            store.git.move_ref(RefMove(ref, None, old, "made"), _ANN)
        with pytest.raises(Damaged, match="missing or cannot be read"):
            store.git.move_ref(RefMove(ref, old, "12" * 20, "moved"), _ANN)
        assert store.git.ref(ref) == old


def test_a_broken_repository_is_damage(layout: Layout) -> None:
    (layout.git / "HEAD").unlink()
    with pytest.raises(Damaged):
        GitRepository(layout.git)


def test_config_values_are_set_listed_and_removed(store: Store, layout: Layout) -> None:
    store.git.config_set("import.maxbytes", "5")
    assert store.git.config_get("import.maxbytes") == _git(layout, "config", "import.maxbytes") == "5"
    assert ("import.maxbytes", "5") in store.git.config_list()
    store.git.config_set("import.maxbytes", None)
    assert store.git.config_get("import.maxbytes") is None
    with pytest.raises(RefNotFound):
        store.git.config_set("import.maxbytes", None)
    with pytest.raises(UsageError):
        store.git.config_set("nodot", "x")


@pytest.mark.parametrize("minutes", [0, 330, -210, 14 * 60])
def test_a_time_keeps_its_zone(minutes: int) -> None:
    when = datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(minutes=minutes)))
    who, back = parse_signature(format_signature(_ANN, when).encode())
    assert (who, back, back.utcoffset()) == (_ANN, when, when.utcoffset())


def test_a_config_that_a_killed_process_locked_can_be_set(store: Store, layout: Layout) -> None:
    (layout.git / "config.lock").touch()
    store.git.config_set("import.maxbytes", "5")
    assert store.git.config_get("import.maxbytes") == "5"
    assert list(layout.tmp.iterdir()) == []


@pytest.mark.parametrize("sync", [True, False])
def test_refs_and_reflogs_are_synced_unless_that_is_off(
    store: Store, ids: list[str], sync: bool, synced: Callable[[Callable[[], object]], list[str]]
) -> None:
    """Each ref, its reflog, and their folders; deletions too."""
    store.git.sync_refs = sync
    made = synced(lambda: store.git.move_ref(RefMove(_REF, None, ids[0], "made"), _ANN))
    moved = synced(lambda: store.git.move_ref(RefMove(_REF, ids[0], ids[1], "moved"), _ANN))
    gone = synced(lambda: store.git.move_ref(RefMove(_REF, ids[1], None, "gone"), _ANN))
    files = {f"logs/{_REF}", f"{_REF}.lock"}
    assert files <= set(made) if sync else made == []
    assert files <= set(moved) if sync else moved == []
    assert "refs/heads" in gone if sync else gone == []


def test_objects_are_not_synced_one_by_one(
    store: Store, ids: list[str], synced: Callable[[Callable[[], object]], list[str]]
) -> None:
    store.git.move_ref(RefMove(_REF, None, ids[0], "made"), _ANN)
    assert synced(lambda: store.git.write_blob(b"more")) == []
