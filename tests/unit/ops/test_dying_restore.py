"""A restore whose process dies leaves nothing half-made in the rootfs for longer than until the next command."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerctl import Repository
from tests.oracle import assert_same, listing
from tests.unit.mount.people import using
from tests.unit.ops.conftest import Box
from tests.unit.store.dying import die_at

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def _make(source: Path) -> None:
    (source / "d/s").mkdir(parents=True)
    for name in ("a", "d/x", "d/s/y"):
        (source / name).write_text(name)
    os.link(source / "a", source / "d/linked")
    os.mkfifo(source / "d/fifo")
    os.symlink("x", source / "d/link")


def _spoil(root: Path) -> None:
    for name in ("a", "d/linked", "d/fifo", "d/link"):
        (root / name).unlink(missing_ok=True)
    shutil.rmtree(root / "d/s", ignore_errors=True)
    (root / "d/x").write_text("changed")


def _halves(root: Path) -> list[str]:
    return [name for _, folders, files in os.walk(root) for name in (*folders, *files) if name.startswith(".layerctl-")]


@pytest.fixture
def spoilt(box: Box) -> Box:
    box.base(_make)
    return box


def _dying(box: Box) -> Iterator[bool]:
    """Restores that die one step later each time; tells whether that left something half-made."""
    for step in range(1000):
        _spoil(box.root)
        if die_at(step, lambda: box.repo.restore([b""])):
            return
        yield bool(_halves(box.root))


def test_the_next_command_takes_it_away(spoilt: Box) -> None:
    before = listing(spoilt.root)
    found = []
    for has_half in _dying(spoilt):
        found.append(has_half)
        changed = [change.path for change in Repository.open(spoilt.home).status().changes]
        assert [path for path in changed if b".layerctl-" in path] == []
        assert _halves(spoilt.root) == []
    assert found.count(True) > 3
    assert_same(before, spoilt.root)
    assert not (spoilt.layout.worktrees / "default/restoring").exists()


def _die_half(box: Box) -> None:
    assert next(has_half for has_half in _dying(box) if has_half)


def test_its_note_is_nothing_strange(spoilt: Box) -> None:
    _die_half(spoilt)
    assert (spoilt.layout.worktrees / "default/restoring").exists()
    problems = Repository.fsck(spoilt.home).problems
    assert [problem for problem in problems if problem.path == b"worktrees/default/restoring"] == []


def test_without_a_mount_too(spoilt: Box) -> None:
    _die_half(spoilt)
    subprocess.run(["umount", spoilt.root], check=True)
    Repository.open(spoilt.home)
    assert _halves(spoilt.upper) == []


def test_who_sits_in_there_stays(spoilt: Box) -> None:
    _die_half(spoilt)
    with using(spoilt.root, "working directory"):
        Repository.open(spoilt.home)
        assert _halves(spoilt.root) == []


def test_files_of_such_a_name_that_are_no_half_stay(spoilt: Box) -> None:
    """Nor does a note that somebody broke lead to anything."""
    (spoilt.root / ".layerctl-hold").write_text("")
    (spoilt.root / ".layerctl-0123456789abcdef").write_text("")
    _die_half(spoilt)
    Repository.open(spoilt.home)
    note = spoilt.layout.worktrees / "default/restoring"
    note.write_text("d\n")
    Repository.open(spoilt.home)
    assert not note.exists()
    assert sorted(_halves(spoilt.root)) == [".layerctl-0123456789abcdef", ".layerctl-hold"]
    assert (spoilt.root / "d").is_dir()


def test_a_restore_at_work_is_left_alone(spoilt: Box) -> None:
    """Its lock says that it is there."""
    context = spoilt.repo._context
    note = spoilt.layout.worktrees / "default/restoring"
    with context.changing_worktree():
        note.write_text(".layerctl-0123456789abcdef\n")
        (spoilt.root / ".layerctl-0123456789abcdef").write_text("")
        Repository.open(spoilt.home)
        assert note.exists()
        assert _halves(spoilt.root) != []
    Repository.open(spoilt.home)
    assert not note.exists()
    assert _halves(spoilt.root) == []
