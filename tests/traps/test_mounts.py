"""Traps 28 to 38: mounting a rootfs, and running something in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerctl import Author, Repository
from layerctl.errors import Busy, MachineLacks
from layerctl.runtime import CgroupLayout, cgroup_layout
from layerctl.store.layers import MAX_MOUNTED
from tests.conftest import Spawn
from tests.oracle import assert_same, listing
from tests.support.cli import Repo
from tests.support.mounts import Mount, mount_at, mounts, mounts_below, unmount_below
from tests.unit.mount.people import using
from tests.unit.ops.conftest import AUTHOR, Box


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Box]:
    """A checked-out repository on a mount that moves can be made from, whatever the machine's propagation is."""
    top = tmp_path / "private"
    top.mkdir()
    for options in (["--bind", top, top], ["--make-private", top]):
        subprocess.run(["mount", *options], check=True)
    box = Box(top)
    box.base(_files)
    yield box
    unmount_below(tmp_path)
    shutil.rmtree(tmp_path, ignore_errors=True)


def _files(source: Path) -> None:
    for name in ("held", "a", "d/b"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(f"{name}\n")


def _by_hand(box: Box, point: Path, lower: Path, *options: str) -> int:
    """mount(8) of the worktree's own write layer; its exit status."""
    point.mkdir(exist_ok=True)
    dirs = f"lowerdir={lower},upperdir={box.upper},workdir={box.upper.parent / 'work'}"
    command = ["mount", "-t", "overlay", "none", "-o", ",".join([dirs, *options]), point]
    return subprocess.run(command, capture_output=True).returncode


def _overlays(box: Box) -> list[Mount]:
    return [mount for mount in mounts() if mount.fstype == "overlay" and f"{box.upper}" in mount.options]


def test_trap_28_mount_targets_are_no_change_until_somebody_changes_one(repo: Repo, workdir: Path) -> None:
    for name in ("proc", "sys"):
        (repo.rootfs / name).rmdir()
    (repo.rootfs / "etc/hosts").unlink(missing_ok=True)
    repo.commit("no mount points")
    before = repo.listing()
    (workdir / "shared").mkdir()
    repo.cli("run", "-v", f"{workdir / 'shared'}:/srv/volume/here", "--network", "host", "--", "/bin/true")
    assert (repo.upper / "proc").is_dir()
    assert (repo.upper / "etc/resolv.conf").stat().st_size == 0
    assert repo.changes() == {}
    repo.cli.fails(1, "commit", "-m", "nothing")
    assert_same(before, repo.rootfs, ignore=["mtime_ns"])
    repo.cli("run", "-v", f"{workdir / 'shared'}:/srv/volume/here", "--", "/bin/true")
    (repo.rootfs / "srv/volume/mine").write_text("mine")
    repo.commit("one of them")
    assert set(repo.changes("diff", "HEAD~1", "HEAD")) == {"srv", "srv/volume", "srv/volume/mine"}


def test_trap_29_a_layer_never_changes_however_late_somebody_writes(made: Box) -> None:
    """The mount is out of sight, and its write layer is still open."""
    with using(made.root, "writer") as writer:
        subprocess.run(["umount", "-l", made.root], check=True)
        made.repo.commit("while somebody writes", allow_empty=True)
        before = [listing(path) for path in sorted(made.layout.layers.glob("*/fs"))]
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write("held.write('late'); held.flush()\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == "done\n"
        assert (made.upper / "held").read_text() == "held\nlate"
        assert [listing(path) for path in sorted(made.layout.layers.glob("*/fs"))] == before


def test_trap_30_no_write_layer_is_mounted_twice(made: Box, repo: Repo, spawn: Spawn) -> None:
    """The kernel lets anybody do it; layerctl does not, neither at one time nor after a lazy unmount."""
    [lower] = made.layout.layers.glob("*/fs")
    with using(made.root, "writer"):
        subprocess.run(["umount", "-l", made.root], check=True)
        with pytest.raises(Busy):
            _impatient(made)
        assert _overlays(made) == []
        assert _by_hand(made, made.top / "second", lower, "index=off") == 0
        subprocess.run(["umount", made.top / "second"], check=True)
    made.repo.checkout()
    assert len(_overlays(made)) == 1
    subprocess.run(["umount", repo.rootfs], check=True)
    commands = [spawn(repo.cli.start("checkout", stdout=-1, stderr=-1)) for _ in range(3)]
    assert {command.wait(timeout=60) for command in commands} <= {0, 4}
    assert len([mount for mount in mounts_below(repo.top) if mount.fstype == "overlay"]) == 1


def _impatient(box: Box) -> None:
    """A checkout that does not wait for a mount that is going away."""
    patience = pytest.MonkeyPatch()
    patience.setattr("layerctl.ops.mounting._TEARDOWN_SECONDS", 0.2)
    try:
        box.repo.checkout()
    finally:
        patience.undo()


def test_trap_31_index_is_off_and_the_work_directory_goes_with_its_write_layer(made: Box) -> None:
    [lower] = made.layout.layers.glob("*/fs")
    unmount_below(made.root)
    other = made.top / "other"
    other.mkdir()
    assert _by_hand(made, made.top / "second", lower, "index=on") == 0
    subprocess.run(["umount", made.top / "second"], check=True)
    assert _by_hand(made, made.top / "second", other, "index=on") != 0, "ESTALE: the index remembers the layer below"
    made.repo.checkout()
    (made.root / "a").write_text("changed")
    made.repo.commit("over another base from now on")
    made.repo.rollback("HEAD~1", discard=True)
    assert_same(made.top / "source", made.root)
    assert "index=on" not in _overlays(made)[0].options
    work = made.upper.parent / "work"
    assert work.stat().st_dev == made.upper.stat().st_dev
    assert (work / "work").stat().st_mode & 0o777 == 0
    assert os.listdir(made.layout.tmp) == []


def test_trap_32_a_volatile_write_layer_is_mounted_again_after_an_unclean_end(made: Box) -> None:
    made.repo.checkout(volatile=True)
    (made.root / "new").write_text("new")
    [lower] = made.layout.layers.glob("*/fs")
    mark = made.upper.parent / "work/work/incompat/volatile"
    assert mark.is_dir()
    subprocess.run(["umount", made.root], check=True)
    mark.mkdir(parents=True, exist_ok=True)
    assert _by_hand(made, made.top / "second", lower) != 0
    made.repo.checkout()
    assert (made.root / "new").read_text() == "new"


@pytest.fixture
def far_away(tmp_path: Path) -> Iterator[Box]:
    """A repository whose path, times its layers, is much more than a page; with characters that options escape."""
    top = tmp_path / "a:b" / "c,d\\e" / ("x" * 200) / ("y" * 200)
    top.mkdir(parents=True)
    box = Box(top)
    box.base(_files)
    yield box
    unmount_below(tmp_path)
    shutil.rmtree(tmp_path, ignore_errors=True)


def test_trap_33_the_stack_is_whole_however_long_its_paths_are(far_away: Box) -> None:
    for number in range(15):
        (far_away.root / f"n{number}").write_text(str(number))
        far_away.repo.commit(str(number))
    stack = far_away.store.layers.stack(far_away.repo.resolve("HEAD"))
    assert sum(len(os.fspath(path)) for path in stack) > 4096
    subprocess.run(["umount", far_away.root], check=True)
    far_away.repo.checkout()
    assert sorted(os.listdir(far_away.root)) == sorted(["held", "a", "d", *(f"n{number}" for number in range(15))])
    assert (far_away.root / "d/b").read_text() == "d/b\n"


def test_trap_34_never_more_layers_than_overlayfs_likes(made: Box) -> None:
    """A history may be long, or a single layer; an overlay on an overlay on an overlay is refused in one sentence."""
    at = made.top / "single"
    made.repo.add_worktree("single", "HEAD", at=at)
    Repository.open(made.home, worktree="single", author=AUTHOR).checkout(read_only=True)
    assert (at / "a").read_text() == "a\n"
    for number in range(MAX_MOUNTED + 6):
        made.repo.commit(str(number), allow_empty=True)
    assert len(made.store.layers.stack(made.repo.resolve("HEAD"))) <= MAX_MOUNTED
    nested = _overlay_on_an_overlay(made.top)
    inner = Repository.init(nested / "home", author=Author("N", "n@example.com"))
    inner.import_image(str(made.top / "source"))
    with pytest.raises(MachineLacks) as refused:
        inner.checkout()
    assert "\n" not in refused.value.message
    assert mount_at(nested / "home/rootfs") is None


def _overlay_on_an_overlay(top: Path) -> Path:
    """The deepest that the kernel allows; write layers are a tmpfs's, as an overlay can carry none."""
    space, below = top / "space", top / "source"
    space.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", space], check=True)
    for name in ("one", "two"):
        for part in ("upper", "work", "point"):
            (space / name / part).mkdir(parents=True)
        here = space / name
        dirs = f"lowerdir={below},upperdir={here / 'upper'},workdir={here / 'work'}"
        subprocess.run(["mount", "-t", "overlay", "none", "-o", dirs, here / "point"], check=True)
        below = here / "point"
    return below


def test_trap_35_what_is_mounted_in_any_namespace_stays(made: Box) -> None:
    (made.root / "a").write_text("second")
    commit = made.repo.commit("second").commit
    layer = made.store.layers.fs(made.store.commits.read(commit).layer.id)
    for key in ("gc.reflogExpire", "gc.reflogExpireUnreachable"):
        made.repo.set_config(key, "now")
    with using(made.root, "other namespace") as other:
        made.repo.rollback("HEAD~1", discard=True)
        made.repo.gc(grace="now")
        inside = ["nsenter", "-t", str(other.pid), "-m", "cat", made.root / "a"]
        assert subprocess.run(inside, capture_output=True, check=True).stdout == b"second"
        assert layer.is_dir()
    made.repo.gc(grace="now")
    assert not layer.exists()


def test_trap_36_layers_are_not_made_immutable(made: Box) -> None:
    """That would show through the mount."""
    (made.root / "d/new").write_text("new")
    made.repo.commit("one more")
    listed = subprocess.run(["lsattr", "-R", made.layout.layers], capture_output=True, text=True, check=True)
    flags = [line.split()[0] for line in listed.stdout.splitlines() if line.startswith("-")]
    assert flags
    assert not any("i" in flag or "a" in flag for flag in flags)
    for name in ("a", "d/new"):
        (made.root / name).chmod(0o600)
        (made.root / name).unlink()


def test_trap_37_a_dirty_mount_is_moved_aside_and_not_unmounted(made: Box, spawn: Spawn) -> None:
    """Nobody waits for its data to be written back: it is the same mount as before, elsewhere."""
    before = mount_at(made.root)
    assert before is not None
    (made.root / "big").write_bytes(bytes(64 << 20))
    spawn(["sleep", "60"], cwd=made.root)
    made.repo.rollback("HEAD")
    after = {mount.id: mount.point for mount in mounts_below(made.top)}
    assert after[before.id].is_relative_to(made.layout.root / "parked")
    assert (after[before.id] / "big").stat().st_size == 64 << 20
    assert not (made.root / "big").exists()


def test_trap_38_runc_is_taken_where_crun_cannot_run(repo: Repo, workdir: Path) -> None:
    """On a machine with hybrid cgroups crun fails, and layerctl says what to do; what is installed beside it works."""
    only = workdir / "only-crun"
    only.mkdir()
    program = shutil.which("crun")
    assert program is not None
    (only / "crun").symlink_to(program)
    script = ["run", "--", "/bin/sh", "-c", "exit 7"]
    result = repo.cli.run(*script, check=False, env={"PATH": str(only)})
    if cgroup_layout() is CgroupLayout.HYBRID:
        assert result.code == 125
        assert "install runc" in result.stderr
    else:
        assert result.code == 7, str(result)
    assert repo.cli.run(*script, check=False).code == 7
