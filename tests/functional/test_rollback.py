"""``layerctl rollback``: back to an ancestor, at once, in place, and nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.oracle import assert_same
from tests.support.cli import Layerctl, Repo
from tests.support.measure import Watcher, seconds
from tests.support.mounts import mount_at, mounts_below

MIB = 1 << 20


@pytest.fixture
def three(repo: Repo) -> Repo:
    """base — one — two, with ``srv/n`` counting along."""
    repo.commit_file("srv/n", "1", "one")
    repo.commit_file("srv/n", "2", "two")
    return repo


@pytest.fixture(params=["private", "shared"])
def propagating(request: pytest.FixtureRequest, workdir: Path, busybox_rootfs: Path, layerctl: Layerctl) -> Repo:
    """A repository whose mounts are made below a private, and below a shared mount (as systemd makes ``/``)."""
    top = layerctl.cwd
    subprocess.run(["mount", "--bind", top, top], check=True)
    subprocess.run(["mount", f"--make-{request.param}", top], check=True)
    layerctl("init")
    layerctl("import", busybox_rootfs, "-m", "base")
    layerctl("checkout")
    return Repo(top, layerctl)


def test_the_default_target_is_the_parent(three: Repo) -> None:
    three.cli("rollback")
    assert (three.rootfs / "srv/n").read_text() == "1"
    assert [commit["message"] for commit in three.cli.json("log")] == ["one", "base"]
    assert three.cli.json("status")["branch"] == "main"


def test_rollback_json(three: Repo) -> None:
    old, new = three.head(), three.head("HEAD~1")
    document = three.cli.json("rollback")
    assert set(document) == {"from", "to", "operation", "parked"}
    assert (document["from"], document["to"]) == (old, new)


def test_the_rolled_back_rootfs_equals_the_commit(repo: Repo) -> None:
    repo.commit_file("srv/n", "1")
    before = repo.listing()
    repo.commit_file("etc/motd", "broken")
    subprocess.run(["rm", "-rf", repo.rootfs / "bin", repo.rootfs / "usr"], check=True)
    repo.cli("rollback")
    assert_same(before, repo.rootfs)


def test_rollback_to_head_drops_only_what_was_not_committed(three: Repo) -> None:
    before = three.listing()
    three.write("etc/new", "x")
    head = three.head()
    three.cli("rollback", "HEAD")
    assert three.head() == head
    assert_same(before, three.rootfs)


def test_rollback_to_a_revision(three: Repo, busybox_rootfs: Path) -> None:
    three.cli("rollback", "HEAD~2")
    assert_same(busybox_rootfs, three.rootfs)


def test_rollback_n_steps(three: Repo, busybox_rootfs: Path) -> None:
    three.cli("rollback", "-n", "2")
    assert_same(busybox_rootfs, three.rootfs)
    assert len(three.cli.json("log")) == 1


def test_rollback_to_a_tag(three: Repo, busybox_rootfs: Path) -> None:
    three.cli("tag", "good", "HEAD~2")
    three.cli("rollback", "good")
    assert_same(busybox_rootfs, three.rootfs)


def test_rollback_beyond_the_base_image_is_refused(three: Repo) -> None:
    head = three.head()
    three.cli.fails(3, "rollback", "-n", "9")
    assert three.head() == head


def test_rollback_of_a_base_image_is_refused(repo: Repo) -> None:
    repo.write("etc/new", "kept")
    result = repo.cli.fails(3, "rollback")
    assert f"HEAD is a base image: there is nothing before {repo.head()[:7]}\n" in result.stderr
    assert "'layerctl rollback HEAD' drops just the uncommitted changes" in result.stderr
    assert repo.changes() == {"etc/new": "A"}


def test_rollback_to_what_is_no_ancestor_is_refused(three: Repo) -> None:
    three.cli("branch", "other")
    three.cli("rollback")
    head = three.head()
    result = three.cli.run("rollback", "other", check=False)
    assert result.code in (1, 2, 3, 4)
    assert "ancestor" in result.stderr
    assert three.head() == head


def test_rollback_of_a_detached_head_moves_it_alone(three: Repo) -> None:
    main = three.head("main")
    three.cli("checkout", "--detach")
    three.cli("rollback")
    assert three.head("main") == main
    assert three.cli.json("status")["head"] == three.head("main~1")


def test_uncommitted_work_is_parked_whole(three: Repo) -> None:
    precious = three.write("etc/precious", "precious")
    (three.rootfs / "etc/motd").unlink()
    inode = (three.upper / "etc/precious").stat().st_ino
    assert precious.exists()
    document = three.cli.json("rollback")
    assert document["parked"]
    [parked] = (three.dot / "parked").rglob("etc/precious")
    assert parked.read_text() == "precious"
    assert parked.stat().st_ino == inode


def test_rollback_of_a_clean_worktree_parks_nothing(three: Repo) -> None:
    assert not three.cli.json("rollback")["parked"]


def test_discard_drops_instead_of_parking(three: Repo) -> None:
    three.write("etc/junk", "junk")
    document = three.cli.json("rollback", "--discard")
    assert not document["parked"]
    assert list(three.dot.rglob("junk")) == []


def test_the_branch_that_was_rolled_back_is_in_the_reflog(three: Repo) -> None:
    old = three.head()
    three.cli("rollback")
    assert three.head("main@{1}") == old
    assert "rollback" in three.cli("reflog").lines[0]


def test_rollback_works_with_a_shell_sitting_in_the_rootfs(propagating: Repo, spawn: Spawn) -> None:
    repo = propagating
    repo.commit_file("srv/n", "1")
    repo.write("srv/dirty", "dirty")
    shell = spawn(["sh"], cwd=repo.rootfs / "srv", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    repo.cli("rollback")
    assert not (repo.rootfs / "srv").exists()
    out, _ = shell.communicate(b"cat n dirty && echo more > more\n")
    assert out == b"1dirty"
    assert not (repo.rootfs / "srv").exists()
    assert repo.parked("srv/more") == {"more\n"}


def test_what_the_old_shell_writes_never_reaches_a_commit(propagating: Repo, spawn: Spawn) -> None:
    repo = propagating
    shell = spawn(["sh"], cwd=repo.rootfs / "etc", stdin=subprocess.PIPE)
    repo.write("etc/a", "a")
    repo.cli("rollback", "HEAD")
    commit = repo.commit_file("etc/b", "b")
    shell.communicate(b"echo late > a; echo late > b; echo late > c\n")
    assert [path.name for path in (repo.layer_fs(commit) / "etc").iterdir()] == ["b"]
    assert (repo.rootfs / "etc/b").read_text() == "b"
    assert repo.changes() == {}


def test_the_mount_point_is_never_seen_empty(propagating: Repo, spawn: Spawn) -> None:
    repo = propagating
    for number in range(3):
        repo.commit_file("srv/n", str(number))
    spawn(["sleep", "600"], cwd=repo.rootfs)
    with Watcher(repo.rootfs / "bin/busybox") as watcher:
        for _ in range(3):
            repo.cli("rollback")
    assert watcher.looks > 1000
    assert watcher.misses == []


def test_rollbacks_leave_no_mounts_behind(three: Repo) -> None:
    before = len(mounts_below(three.top))
    three.cli("rollback")
    three.cli("rollback")
    assert len(mounts_below(three.top)) == before


@pytest.mark.serial
def test_the_time_does_not_grow_with_the_amount_of_dirty_data(repo: Repo, spawn: Spawn) -> None:
    repo.commit_file("srv/n", "1")
    spawn(["sleep", "600"], cwd=repo.rootfs)

    def rollback_of(size: int) -> float:
        os.sync()
        repo.write("var/lib/dirty", os.urandom(size))
        return seconds(repo.cli, "rollback", "HEAD")

    small = min(rollback_of(MIB) for _ in range(3))
    large = min(rollback_of(256 * MIB) for _ in range(3))
    assert large < 1.5 * small + 0.1


@pytest.mark.serial
def test_the_time_does_not_grow_with_the_number_of_dirty_files(repo: Repo) -> None:
    repo.commit_file("srv/n", "1")

    def rollback_of(files: int) -> float:
        for number in range(files):
            repo.write(f"var/lib/{number % 50}/{number}", "x")
        return seconds(repo.cli, "rollback", "HEAD")

    small = min(rollback_of(10) for _ in range(3))
    large = min(rollback_of(10_000) for _ in range(3))
    assert large < 1.5 * small + 0.1


def test_rollback_of_an_unmounted_worktree_works(three: Repo) -> None:
    three.write("etc/precious", "precious")
    subprocess.run(["umount", three.rootfs], check=True)
    three.cli("rollback")
    assert (three.rootfs / "srv/n").read_text() == "1"
    assert three.parked("etc/precious") == {"precious"}


def test_rollback_with_a_mount_inside_the_rootfs(three: Repo) -> None:
    """A tmpfs that somebody mounted inside must neither stop the rollback nor be lost sight of."""
    subprocess.run(["mount", "-t", "tmpfs", "none", three.rootfs / "tmp"], check=True)
    three.cli("rollback")
    assert (three.rootfs / "srv/n").read_text() == "1"
    assert mount_at(three.rootfs) is not None


def test_a_running_container_is_refused_unless_stop(three: Repo, spawn: Spawn) -> None:
    container = spawn(three.cli.start("run", "--", "sh", "-c", "echo up; sleep 600", stdout=subprocess.PIPE))
    assert container.stdout is not None
    assert container.stdout.readline() == b"up\n"
    head = three.head()
    three.cli.fails(4, "rollback")
    assert three.head() == head
    assert container.poll() is None
    three.cli("rollback", "--stop")
    assert container.wait(timeout=20) != 0
    assert (three.rootfs / "srv/n").read_text() == "1"


@pytest.mark.parametrize("event", ["pre-rollback", "reference-transaction"])
def test_a_container_runs_on_if_a_hook_refuses(three: Repo, spawn: Spawn, event: str) -> None:
    three.hook(event, "exit 1")
    container = spawn(three.cli.start("run", "--", "sh", "-c", "echo up; sleep 600", stdout=subprocess.PIPE))
    assert container.stdout is not None
    assert container.stdout.readline() == b"up\n"
    head, name = three.head(), three.cli.json("status")["container"]
    three.cli.fails(1, "rollback", "--stop")
    assert three.head() == head
    assert three.cli.json("status")["container"] == name
    assert container.poll() is None


def test_what_a_container_writes_until_it_is_stopped_is_parked(three: Repo, spawn: Spawn) -> None:
    """The rollback and the end of the run change the same record at the same time."""
    script = "trap 'exit 0' TERM; echo up; while :; do echo x >> /srv/written; done"
    for _ in range(3):
        container = spawn(three.cli.start("run", "--", "sh", "-c", script, stdout=subprocess.PIPE))
        assert container.stdout is not None
        assert container.stdout.readline() == b"up\n"
        assert three.cli.json("rollback", "HEAD", "--stop")["parked"]
        assert container.wait(timeout=20) != 0
        assert not (three.rootfs / "srv/written").exists()
        assert three.cli.json("status")["container"] is None
        record = json.loads((three.dot / "worktrees/default/worktree.json").read_text())
        assert (record["base"], record["container"]) == (three.head(), None)
        three.cli("undo")
        assert (three.rootfs / "srv/written").stat().st_size > 0


def test_where_nothing_is_checked_out_it_says_what_to_do(imported: Repo) -> None:
    result = imported.cli.fails(1, "rollback")
    assert "hint: 'layerctl checkout' mounts a commit\n" in result.stderr


def test_rollback_in_another_worktree_leaves_this_one_alone(three: Repo) -> None:
    other = three.checked_out("HEAD", "w")
    three.cli("rollback", "-w", "w")
    assert (other / "srv/n").read_text() == "1"
    assert (three.rootfs / "srv/n").read_text() == "2"
