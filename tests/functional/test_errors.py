"""Errors: one clear sentence and a hint on stderr, the exit code of the class, nothing half done, no traceback.

Errors of a single verb are tested beside that verb; here is what is about the machine.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.oracle import assert_same
from tests.support import rootfs
from tests.support.cli import Layerctl, Repo
from tests.support.mounts import unmount_below

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
MIB = 1 << 20


# ----------------------------------------------------------------------------------------------------------- privilege


@pytest.mark.parametrize("verb", [["status"], ["log"], ["commit", "-m", "x"], ["checkout"], ["rollback"]])
def test_without_privilege_a_repository_of_root_is_refused(
    layerctl: Layerctl, public_dir: Path, busybox_rootfs: Path, verb: list[str]
) -> None:
    layerctl("-C", public_dir, "init")
    layerctl("-C", public_dir, "import", busybox_rootfs)
    result = layerctl.fails(6, *verb, cwd=public_dir, prefix=NOBODY, env={"HOME": "/"})
    assert "root" in result.stderr or "permission" in result.stderr.lower()


def test_without_privilege_nothing_can_be_imported_wrongly(
    layerctl: Layerctl, public_dir: Path, busybox_tar: Path
) -> None:
    """Owners, devices and capabilities need root: better nothing than a rootfs that is not what the archive says."""
    own = public_dir / "own"
    own.mkdir()
    os.chown(own, 65534, 65534)
    layerctl("init", cwd=own, prefix=NOBODY, env={"HOME": "/"})
    data = busybox_tar.read_bytes()
    result = layerctl.fails(6, "import", "-", input=data, cwd=own, prefix=NOBODY, env={"HOME": "/"})
    assert "root" in result.stderr


def test_without_mount_privilege_checkout_says_so(imported: Repo) -> None:
    """Root in a container: uid 0, no CAP_SYS_ADMIN."""
    powerless = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
    imported.cli.fails(6, "checkout", prefix=powerless)
    imported.cli("checkout")


# -------------------------------------------------------------------------------------------------------------- kernel


def test_a_store_on_a_file_system_that_cannot_hold_write_layers(
    layerctl: Layerctl, workdir: Path, busybox_rootfs: Path
) -> None:
    """An overlay mount cannot be another one's upperdir: the usual case of a store inside a container."""
    for name in ("lower", "upper", "work", "merged"):
        (workdir / name).mkdir()
    options = f"lowerdir={workdir}/lower,upperdir={workdir}/upper,workdir={workdir}/work"
    subprocess.run(["mount", "-t", "overlay", "none", "-o", options, workdir / "merged"], check=True)
    layerctl("init", cwd=workdir / "merged")
    layerctl("import", busybox_rootfs, cwd=workdir / "merged")
    result = layerctl.fails(6, "checkout", cwd=workdir / "merged")
    assert "overlay" in result.stderr or "file system" in result.stderr or "filesystem" in result.stderr


def test_a_mount_point_inside_a_read_only_file_system(imported: Repo, workdir: Path) -> None:
    point = workdir / "ro"
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", point], check=True)
    result = imported.cli.run("checkout", "--at", point / "rootfs", check=False)
    assert result.code in (4, 6)
    assert len(result.stderr.splitlines()) == 2


def test_a_mount_point_that_cannot_be_made(imported: Repo) -> None:
    assert "/proc/no-such" in imported.cli.fails(6, "checkout", "--at", "/proc/no-such").stderr
    imported.cli("checkout")


# ----------------------------------------------------------------------------------------------------------- full disk


@pytest.fixture
def small(loop_mount: Callable[..., Path], layerctl: Layerctl, busybox_rootfs: Path, workdir: Path) -> Repo:
    """A repository on a file system of 96 MiB, checked out."""
    repo = Repo(loop_mount("small", megabytes=96), layerctl)
    layerctl.cwd = repo.top
    layerctl("init")
    layerctl("import", busybox_rootfs, "-m", "base")
    layerctl("checkout")
    return repo


def _fill(top: Path, *, leave: int = 0) -> Path:
    """A ballast file that takes every free byte but ``leave``."""
    ballast = top / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        for size in (MIB, 4096, 4096):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
            with suppress(OSError):
                os.fsync(file.fileno())
        file.truncate(max(0, file.tell() - leave))
    return ballast


def test_a_full_disk_stops_a_busy_commit_and_loses_nothing(small: Repo) -> None:
    small.write("srv/big", os.urandom(30 * MIB))
    small.write("srv/note", "precious")
    before, head = small.listing(), small.head()
    with open(small.rootfs / "srv/note", "r+b"):
        ballast = _fill(small.top, leave=4 * MIB)
        small.cli.fails(6, "commit", "-m", "x")
        assert small.head() == head
        assert_same(before, small.rootfs)
        ballast.unlink()
        small.commit("x")
    assert_same(before, small.checked_out("HEAD", "w"))
    assert "error" not in small.git("fsck", "--strict")


def test_a_full_disk_stops_an_idle_commit_and_loses_nothing(small: Repo) -> None:
    for number in range(3_000):
        small.write(f"srv/d{number % 300}/f{number}", f"{number}")
    before, head = small.listing(), small.head()
    ballast = _fill(small.top)
    small.cli.fails(6, "commit", "-m", "x")
    assert small.head() == head
    ballast.unlink()
    assert small.cli.json("status")["head"] == head
    assert_same(before, small.rootfs)
    small.commit("x")
    assert_same(before, small.checked_out("HEAD", "w"))


def test_a_full_disk_stops_an_import_and_leaves_nothing(small: Repo, workdir: Path) -> None:
    source = rootfs.make_tree(workdir / "source", directories=2, files=2)
    (source / "big").write_bytes(os.urandom(90 * MIB))
    state, used = small.recorded(), rootfs.allocated(small.dot)
    small.cli.fails(6, "import", source, "--branch", "second")
    assert small.recorded() == state
    assert rootfs.allocated(small.dot) - used < MIB
    (source / "big").write_bytes(b"small")
    small.cli("import", source, "--branch", "second")


def test_a_full_disk_does_not_stop_a_look(small: Repo) -> None:
    small.write("srv/note", "x")
    _fill(small.top)
    assert small.changes() == {"srv": "A", "srv/note": "A"}
    assert small.cli.json("log")[0]["message"] == "base"


def test_a_rollback_on_a_full_disk_is_done_or_refused_whole(small: Repo) -> None:
    small.commit_file("srv/n", "1")
    small.write("srv/precious", "precious")
    head = small.head()
    ballast = _fill(small.top)
    result = small.cli.run("rollback", check=False)
    assert result.code in (0, 6), str(result)
    ballast.unlink()
    if result.code == 0:
        assert not (small.rootfs / "srv").exists()
    else:
        assert small.cli.json("status")["head"] == head
        assert (small.rootfs / "srv/precious").read_text() == "precious"
        small.cli("rollback")
    found = [path.read_text() for path in small.dot.rglob("srv/precious")]
    assert "precious" in found


def test_a_read_only_store_is_one_error(small: Repo) -> None:
    small.write("srv/note", "x")
    unmount_below(small.rootfs)
    subprocess.run(["mount", "-o", "remount,ro", small.top], check=True)
    for verb in (["commit", "-m", "x"], ["tag", "v1"], ["checkout"]):
        result = small.cli.run(*verb, check=False)
        assert result.code in (4, 6), str(result)
        assert len(result.stderr.splitlines()) == 2, str(result)


# ------------------------------------------------------------------------------------------------------- damaged store


def test_a_missing_layer_is_damage_and_named(imported: Repo) -> None:
    [layer] = [path for path in (imported.dot / "layers").iterdir() if (path / "fs").exists()]
    os.rename(layer, imported.top / "moved")
    assert layer.name[:7] in imported.cli.fails(5, "checkout").stderr
    os.rename(imported.top / "moved", layer)
    imported.cli("checkout")


def test_a_missing_git_object_is_damage(repo: Repo) -> None:
    commit = repo.commit_file("etc/new", "x")["commit"]
    target = repo.dot / "git/objects" / commit[:2] / commit[2:]
    target.unlink()
    result = repo.cli.run("log", check=False)
    assert result.code in (3, 5), str(result)


def test_a_stale_git_lock_does_not_block_for_ever(repo: Repo) -> None:
    """TRAPS 39: a killed process leaves ``*.lock`` files."""
    (repo.dot / "git/refs/heads/main.lock").touch()
    repo.commit_file("etc/new", "x")
    assert repo.cli("show", "HEAD:etc/new").out == b"x"


def test_a_garbled_worktree_record_is_damage_not_a_traceback(repo: Repo) -> None:
    record = repo.dot / "worktrees/default/worktree.json"
    record.write_bytes(record.read_bytes()[:-20])
    result = repo.cli.run("status", check=False)
    assert result.code == 5, str(result)
