"""Snapshots and layers say what a rootfs is, not how it came about, and keep it at any depth."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from layerctl import Repository
from layerctl.model.commit import ImageCommit
from layerctl.store import layers as layers_module
from tests.oracle import assert_same
from tests.property.independent import listing
from tests.property.tree import CAPABILITY
from tests.support import changes, rootfs
from tests.unit.ops.conftest import AUTHOR, Box

_TIME = 1_500_000_000_123_456_789
#: What has a later time was made by a test.
_NEW = 1_710_000_000_000_000_000
_SPARSE = 64 << 20


@pytest.fixture
def busybox(box: Box, busybox_rootfs: Path) -> Box:
    def make(source: Path) -> None:
        subprocess.run(["cp", "-a", f"{busybox_rootfs}/.", source], check=True)
        changes.prepare(source)
        _set_times(source)

    box.base(make)
    return box


def _set_times(root: Path) -> None:
    """Times alone tell when something was made. What is old stays: touching it would tear its hard links apart."""
    for top, dirs, files in os.walk(os.fsencode(root), topdown=False):
        for path in [*(os.path.join(top, name) for name in dirs + files), top]:
            if os.lstat(path).st_mtime_ns > _NEW:
                os.utime(path, ns=(0, _TIME), follow_symlinks=False)


def _worktree(box: Box, name: str, revision: str) -> tuple[Repository, Path]:
    made = box.repo.add_worktree(name, revision, detach=True)
    return Repository.open(box.home, worktree=name, author=AUTHOR), Path(made.mountpoint)


def _head(repo: Repository) -> ImageCommit:
    return repo.show("HEAD")[0].commit


def _take_detours(root: Path) -> None:
    """What leaves marks in a write layer and nothing in the rootfs."""
    _leave_marks(root)
    _move_there_and_back(root / "usr")
    subprocess.run(["cp", "-a", root / "groups", root / "copy"], check=True)
    shutil.rmtree(root / "groups")
    subprocess.run(["cp", "-a", root / "copy", root / "groups"], check=True)
    shutil.rmtree(root / "copy")
    (root / "again/kept3").unlink()
    os.link(root / "groups/kept", root / "again/kept3")


def _leave_marks(root: Path) -> None:
    """Without hard links: a group that was copied up as a whole does not fall apart when a member changes."""
    for name in ("etc", "home"):
        _move_there_and_back(root / name)
    shutil.rmtree(root / "swap/dir")
    (root / "swap/dir").mkdir()


def _move_there_and_back(path: Path) -> None:
    subprocess.run(["mv", path, path.with_name("aside")], check=True)
    subprocess.run(["mv", path.with_name("aside"), path], check=True)


# ----------------------------------------------------------------------------------------- one state, one snapshot


def test_a_state_is_one_snapshot_whichever_way_it_was_reached(busybox: Box) -> None:
    """At once; by detours and many commits, sealed and busy; and imported as a directory."""
    for change in changes.ALL:
        change(busybox.root)
    _set_times(busybox.root)
    busybox.commit("at once")
    repo, root = _worktree(busybox, "slowly", "HEAD~1")
    _take_detours(root)
    repo.commit("nothing much", allow_empty=True)
    for change in changes.ALL:
        change(root)
        with open(os.open(root, os.O_TMPFILE | os.O_RDWR), "wb"):
            repo.commit(change.__name__)
    _set_times(root)
    repo.commit("times")
    assert_same(listing(busybox.root), listing(root))
    assert _head(repo).snapshot == _head(busybox.repo).snapshot
    imported = busybox.repo.import_image(str(root), branch="imported").commits[-1]
    assert busybox.repo.show(str(imported))[0].commit.snapshot == _head(repo).snapshot


def test_there_and_back_is_the_old_snapshot(busybox: Box) -> None:
    first = _head(busybox.repo)
    before = listing(busybox.root)
    _take_detours(busybox.root)
    for path, node in before.nodes.items():
        place = os.fsencode(busybox.root) + b"/" + path
        if os.lstat(place).st_mtime_ns != node.mtime_ns:
            os.utime(place, ns=(0, node.mtime_ns), follow_symlinks=False)
    assert_same(before, listing(busybox.root))
    assert busybox.repo.status().changes == ()
    busybox.repo.commit("there and back", allow_empty=True)
    assert _head(busybox.repo).snapshot == first.snapshot
    assert _head(busybox.repo).layer.size == 0


# ------------------------------------------------------------------------------------------- one change, one layer


def test_a_change_is_one_layer_wherever_it_is_committed(busybox: Box) -> None:
    """In two worktrees, sealed and busy, and in another repository."""
    ids = []
    repositories = [_worktree(busybox, "one", "HEAD"), _worktree(busybox, "two", "HEAD"), _elsewhere(busybox)]
    for number, (repo, root) in enumerate(repositories):
        if number:
            _leave_marks(root)
        for change in changes.ALL:
            change(root)
        _set_times(root)
        with open(os.open(root, os.O_TMPFILE | os.O_RDWR) if number == 1 else os.devnull, "wb"):
            ids.append(repo.commit("change").layer.id)
    assert len({*ids}) == 1


def _elsewhere(box: Box) -> tuple[Repository, Path]:
    Repository.init(box.top / "another")
    repo = Repository.open(box.top / "another", author=AUTHOR)
    repo.import_image(str(box.top / "source"), message="the same base")
    return repo, Path(repo.checkout().mountpoint)


# ------------------------------------------------------------------------------------------------------ at any depth


def _rare_things(source: Path) -> None:
    for name in ("d/e", "made-anew", "shared"):
        (source / name).mkdir(parents=True)
    with open(source / "sparse", "wb") as file:
        file.truncate(_SPARSE)
    for name in ("d/e/one", "tool", "made-anew/old"):
        (source / name).write_text(name)
    for name in ("two", "d/three", "four", "made-anew/five"):
        os.link(source / "d/e/one", source / name)
    os.setxattr(source / "tool", "security.capability", CAPABILITY)


def _step(root: Path, number: int) -> None:
    """One member of the group, one island in the hole, one directory made anew, one attribute, one time: in turn."""
    member = ("two", "d/three", "four", "made-anew/five")[number // 6 % 4]
    what = number % 6
    if what == 0:
        with open(root / "sparse", "r+b") as file:
            file.seek(number << 20)
            file.write(b"island")
    elif what == 1:
        if number % 4 == 1:
            _replace(root / member, f"alone since {number}")
        else:
            os.chmod(root / member, 0o600 + number)
    elif what == 2:
        shutil.rmtree(root / "made-anew")
        (root / "made-anew").mkdir()
        os.link(root / "d/e/one", root / "made-anew/five")
        (root / f"made-anew/{number}").write_text("new")
    elif what == 3:
        os.chown(root / "tool", number, number)
        os.chmod(root / "tool", 0o4755)
        os.setxattr(root / "tool", "security.capability", CAPABILITY)
    elif what == 4:
        subprocess.run(["setfacl", "-m", f"u:{number}:rwx,d:u:{number}:rx", root / "shared"], check=True)
        (root / f"shared/{number}").write_text("inherits")
    else:
        _replace(root / member, "joined again")
        (root / member).unlink()
        os.link(root / "d/e/one", root / member)
    os.utime(root / "d", ns=(0, _TIME + number))


def _replace(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text(text)


def test_rare_things_survive_any_depth_and_compaction(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each commit of a history, mounted through compacted runs and without, and committed on from there."""
    box.base(_rare_things)
    monkeypatch.setattr(layers_module, "MAX_MOUNTED", 3)
    states = {}
    for number in range(22):
        _step(box.root, number)
        states[box.repo.commit(str(number)).commit] = listing(box.root)
    compacted = list(box.layout.compacted.glob("*/fs"))
    for number, (commit, state) in enumerate(states.items()):
        assert_same(state, listing(box.elsewhere(str(commit))))
        if number % 7 == 6:
            _commit_on(box, str(commit))
    assert len(compacted) > 3
    assert rootfs.allocated(box.layout.root) < 16 << 20, "the hole was filled somewhere"
    monkeypatch.undo()
    shutil.rmtree(box.layout.compacted)
    box.layout.compacted.mkdir()
    for commit in list(states)[::5]:
        assert_same(states[commit], listing(box.elsewhere(str(commit))))


def _commit_on(box: Box, commit: str) -> None:
    """Commit → checkout → commit: every file copied up, nothing but one mode changed."""
    name = f"on-{commit[:7]}"
    repo, root = _worktree(box, name, commit)
    for path in sorted(root.rglob("*")):
        os.chown(path, *_owner(path), follow_symlinks=False)
    os.chmod(root / "tool", 0o755)
    os.setxattr(root / "tool", "security.capability", CAPABILITY)
    os.chmod(root / "d/e/one", 0o611)
    before = listing(root)
    made = repo.commit("on").commit
    assert_same(before, listing(root))
    assert_same(before, listing(_worktree(box, f"{name}-again", str(made))[1]))


def _owner(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_uid, status.st_gid
