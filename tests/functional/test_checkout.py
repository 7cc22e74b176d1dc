"""``layerctl checkout``: any commit as a rootfs, faithfully, and never at the cost of changes."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.oracle import assert_same, listing
from tests.support import rootfs
from tests.support.cli import Repo
from tests.support.mounts import mount_at, mounts_below, unmount_below


def test_checkout_gives_back_exactly_what_was_imported(repo: Repo, busybox_rootfs: Path) -> None:
    assert_same(busybox_rootfs, repo.rootfs)


def test_checkout_prints_the_mount_point_and_nothing_else(imported: Repo) -> None:
    assert imported.cli("checkout").stdout == f"{imported.rootfs}\n"


def test_checkout_json(imported: Repo) -> None:
    document = imported.cli.json("checkout")
    assert document == {"worktree": "default", "commit": imported.head(), "mountpoint": str(imported.rootfs)}


def test_the_mount_is_an_overlay_with_the_safe_options(repo: Repo) -> None:
    mount = mount_at(repo.rootfs)
    assert mount is not None
    assert mount.fstype == "overlay"
    assert not {"redirect_dir=on", "metacopy=on", "index=on"} & set(mount.options.split(","))


def test_writing_in_the_rootfs_never_reaches_the_store(repo: Repo) -> None:
    [layer] = [path for path in (repo.dot / "layers").iterdir() if (path / "fs").exists()]
    before = listing(layer / "fs")
    (repo.rootfs / "etc/motd").write_text("changed")
    (repo.rootfs / "etc/passwd").unlink()
    os.truncate(repo.rootfs / "usr/lib/sparse", 5)
    assert_same(before, layer / "fs")


def test_the_root_directory_has_the_mode_and_times_of_the_image(empty_repo: Repo, workdir: Path) -> None:
    root = workdir / "r"
    root.mkdir()
    (root / "f").touch()
    root.chmod(0o1751)
    os.chown(root, 12, 34)
    os.setxattr(root, "user.root", b"x")
    os.utime(root, ns=(1, 1_600_000_000_000_000_001))
    empty_repo.cli("import", root)
    empty_repo.cli("checkout")
    assert_same(root, empty_repo.rootfs)


def test_checkout_of_an_older_revision_shows_the_old_tree(repo: Repo, busybox_rootfs: Path) -> None:
    repo.commit_file("etc/motd", "second")
    repo.cli("checkout", "HEAD~1")
    assert_same(busybox_rootfs, repo.rootfs)


def test_checkout_of_a_revision_that_is_no_branch_detaches(repo: Repo) -> None:
    repo.commit_file("etc/motd", "second")
    repo.cli("checkout", "HEAD~1")
    status = repo.cli.json("status")
    assert status["branch"] is None
    assert status["head"] == repo.head("main~1")


def test_checkout_of_a_branch_attaches_to_it(repo: Repo) -> None:
    repo.cli("branch", "other")
    repo.cli("checkout", "other")
    repo.commit_file("etc/motd", "on other")
    assert repo.cli.json("status")["branch"] == "other"
    assert repo.head("other") != repo.head("main")


def test_checkout_detach_leaves_the_branch_alone(repo: Repo) -> None:
    repo.cli("checkout", "--detach", "main")
    before = repo.head("main")
    commit = repo.commit_file("etc/motd", "detached")
    assert repo.head("main") == before
    assert repo.cli.json("status")["head"] == commit["commit"]


def test_checkout_b_starts_a_branch(repo: Repo) -> None:
    repo.commit_file("etc/motd", "second")
    repo.cli("checkout", "-b", "side", "HEAD~1")
    assert repo.cli.json("status")["branch"] == "side"
    assert repo.head("side") == repo.head("main~1")


def test_checkout_b_with_a_branch_that_exists_is_refused(repo: Repo) -> None:
    repo.cli.fails(4, "checkout", "-b", "main")


def test_checkout_at_another_directory(imported: Repo, workdir: Path, busybox_rootfs: Path) -> None:
    printed = imported.cli("checkout", "--at", workdir / "else where").stdout
    assert printed == f"{workdir / 'else where'}\n"
    assert_same(busybox_rootfs, workdir / "else where")


def test_checkout_with_changes_is_refused_and_counts_them(repo: Repo) -> None:
    repo.commit_file("etc/zero", "0")
    repo.cli("branch", "other", "HEAD~1")
    repo.write("etc/one", "1")
    repo.write("etc/two", "2")
    assert "2" in repo.cli.fails(1, "checkout", "other").stderr
    assert repo.changes() == {"etc/one": "A", "etc/two": "A"}
    assert repo.cli.json("status")["branch"] == "main"


def test_checkout_discard_parks_the_changes(repo: Repo, busybox_rootfs: Path) -> None:
    repo.cli("branch", "other")
    repo.write("etc/one", "precious")
    repo.cli("checkout", "--discard", "other")
    assert_same(busybox_rootfs, repo.rootfs)
    assert repo.parked("etc/one") == {"precious"}


def test_checkout_read_only_cannot_be_written(imported: Repo, busybox_rootfs: Path) -> None:
    imported.cli("checkout", "--read-only")
    with pytest.raises(OSError, match="Read-only"):
        (imported.rootfs / "etc/new").touch()
    assert_same(busybox_rootfs, imported.rootfs)


def test_checkout_volatile_survives_being_mounted_again(imported: Repo) -> None:
    imported.cli("checkout", "--volatile")
    mount = mount_at(imported.rootfs)
    assert mount is not None
    assert "volatile" in mount.options or "fsync=volatile" in mount.options
    imported.write("etc/new", "kept")
    unmount_below(imported.top)
    imported.cli("checkout")
    assert (imported.rootfs / "etc/new").read_text() == "kept"


def test_checkout_again_keeps_the_write_layer(repo: Repo) -> None:
    repo.write("etc/new", "kept")
    repo.cli("checkout")
    assert (repo.rootfs / "etc/new").read_text() == "kept"


def test_a_branch_is_checked_out_in_one_worktree_only(repo: Repo) -> None:
    repo.cli.fails(4, "worktree", "add", "second", "main")
    assert [worktree["name"] for worktree in repo.cli.json("worktree", "list")] == ["default"]


@pytest.mark.parametrize("occupied", ["files", "mount", "file"])
def test_a_mount_point_in_use_is_refused(imported: Repo, occupied: str) -> None:
    if occupied == "file":
        imported.rootfs.write_text("not a directory")
    else:
        imported.rootfs.mkdir()
    if occupied == "files":
        (imported.rootfs / "mine").write_text("mine")
    if occupied == "mount":
        subprocess.run(["mount", "-t", "tmpfs", "none", imported.rootfs], check=True)
    before = mounts_below(imported.top)
    assert str(imported.rootfs) in imported.cli.fails(4, "checkout").stderr
    assert mounts_below(imported.top) == before


def test_checkout_before_anything_was_imported_says_so(empty_repo: Repo) -> None:
    assert "import" in empty_repo.cli.fails(1, "checkout").stderr


def test_many_commits_check_out_faithfully_and_mount_few_layers(repo: Repo) -> None:
    """A deep history: every file is there, and the mount stays within a couple of dozen layers."""
    for number in range(30):
        repo.write(f"srv/f{number:02}", f"{number}\n")
        repo.write("srv/same", f"{number}\n")
        (repo.rootfs / f"srv/f{number - 3:02}").unlink(missing_ok=True)
        repo.commit(f"c{number}")
    expected = repo.listing()
    assert_same(expected, repo.checked_out("HEAD", "deep"))
    mount = mount_at(repo.top / "at-deep")
    assert mount is not None
    assert mount.options.count("lowerdir") + mount.options.count(":") < 30
    assert sorted(path.name for path in (repo.rootfs / "srv").iterdir()) == ["f27", "f28", "f29", "same"]


def test_the_store_on_a_folder_with_a_default_acl_leaks_nothing(
    imported: Repo, workdir: Path, busybox_rootfs: Path
) -> None:
    """TRAPS 13: a default ACL on the store's folder must not reach a layer."""
    imported.cli("worktree", "list")
    for directory in ("layers", "worktrees", "tmp", ""):
        subprocess.run(["setfacl", "-d", "-m", "u:4242:rwx", imported.dot / directory], check=True)
    imported.cli("checkout")
    imported.write("home/new/file", "x")
    imported.commit("new")
    status = (imported.rootfs / "home/new").stat()
    assert stat.S_IMODE(status.st_mode) == 0o755
    assert os.listxattr(imported.rootfs / "home/new") == []
    imported.cli("checkout", "HEAD~1")
    assert_same(busybox_rootfs, imported.rootfs)


def test_paths_longer_than_path_max_are_checked_out(empty_repo: Repo, workdir: Path) -> None:
    """TRAPS 20: os.walk stops silently where a path gets longer than PATH_MAX."""
    deep = rootfs.make_deep(workdir / "deep", depth=60)
    empty_repo.cli("import", deep)
    empty_repo.cli("checkout")
    assert_same(deep, empty_repo.rootfs)


def test_a_sparse_file_stays_sparse(repo: Repo) -> None:
    """TRAPS 18: through import, copy-up, commit and checkout."""
    assert (repo.rootfs / "usr/lib/sparse").stat().st_blocks * 512 < 1 << 20
    with open(repo.rootfs / "var/lib/hole", "wb") as file:
        file.truncate(100 << 20)
    commit = repo.commit("hole")
    assert rootfs.allocated(repo.layer_fs(commit)) < 1 << 20
    assert (repo.checked_out("HEAD", "w") / "var/lib/hole").stat().st_blocks * 512 < 1 << 20


@pytest.mark.parametrize("fstype", ["xfs", "btrfs", "tmpfs"])
def test_the_loop_works_on_other_file_systems(
    spawn: Spawn, workdir: Path, busybox_rootfs: Path, layerctl: object, loop_mount: Callable[..., Path], fstype: str
) -> None:
    if fstype == "tmpfs":
        point = workdir / "fs"
        point.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "none", point], check=True)
    else:
        point = loop_mount("fs", megabytes=320, fstype=fstype)
    repo = Repo(point, type(layerctl)(point, workdir / "home"))  # type: ignore[call-arg]
    repo.cli("init")
    repo.cli("import", busybox_rootfs)
    repo.cli("checkout")
    repo.write("etc/new", "x")
    repo.commit("new")
    repo.cli("rollback")
    assert_same(busybox_rootfs, repo.rootfs)


def test_a_mount_point_with_awkward_characters(imported: Repo, workdir: Path, busybox_rootfs: Path) -> None:
    """TRAPS 33: ``: , \\`` mean something in option strings."""
    at = workdir / "a:b,c\\d e=f"
    imported.cli("checkout", "--at", at)
    assert_same(busybox_rootfs, at)


def test_a_repository_below_a_path_with_awkward_characters(repo: Repo, workdir: Path, busybox_rootfs: Path) -> None:
    top = workdir / "r:e,p\\o o\"x'"
    top.mkdir()
    cli = type(repo.cli)(top, workdir / "home")
    cli("init")
    cli("import", busybox_rootfs)
    cli("checkout")
    other = Repo(top, cli)
    other.write("etc/new", "x")
    other.commit("new")
    other.cli("checkout", "HEAD~1")
    assert_same(busybox_rootfs, other.rootfs)
