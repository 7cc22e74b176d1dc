"""``layerctl restore``: single files and trees from any commit, exact, while the rootfs is in use."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.conftest import Spawn
from tests.oracle import Listing, assert_same
from tests.support.cli import Repo
from tests.support.measure import Watcher


def below(tree: Listing, *tops: bytes) -> Listing:
    return tree.select(lambda path: any(path == top or path.startswith(top + b"/") for top in tops))


def sh(repo: Repo, script: str) -> None:
    subprocess.run(["sh", "-euc", script], cwd=repo.rootfs, check=True)


def test_a_changed_file_is_put_back(repo: Repo) -> None:
    before = repo.listing()
    sh(repo, "echo broken > etc/motd; chmod 700 etc/secret; chown 5:6 etc/hostname")
    document = repo.cli.json("restore", "/etc/motd")
    assert [(change["kind"], change["path"]) for change in document["changes"]] == [("M", "etc/motd")]
    assert document["source"] == repo.head()
    assert repo.changes() == {"etc/secret": "M", "etc/hostname": "M"}
    repo.cli("restore", "etc/secret", repo.rootfs / "etc/hostname")
    assert_same(before, repo.rootfs)
    assert repo.cli.json("status")["changes"] == []


def test_text_output(repo: Repo) -> None:
    repo.write("etc/motd", "broken")
    result = repo.cli("restore", "etc/motd")
    assert result.lines == ["M  etc/motd  (content)  6 B → 25 B", f"Restored 1 path from {repo.head()[:7]}"]
    assert repo.cli("restore", "etc/motd").lines == [f"Restored nothing from {repo.head()[:7]}"]
    assert repo.cli("-q", "restore", "etc/motd").out == b""


def test_everything_comes_back_after_everything_went(repo: Repo, busybox_rootfs: Path) -> None:
    """One of everything: devices, fifos, capabilities, ACLs, odd names, hard links, holes, nanoseconds."""
    sh(repo, "rm -rf bin etc odd usr home root var; mkdir etc; echo x > etc/new; ln etc/new etc/newer; echo y > bin")
    repo.cli("restore", "/")
    assert_same(busybox_rootfs, repo.rootfs)
    assert repo.cli.json("status")["changes"] == []


def test_metadata_alone_comes_back(repo: Repo, busybox_rootfs: Path) -> None:
    sh(
        repo,
        """
        find . -mindepth 1 ! -type l -exec chown 7:7 {} + -exec chmod 777 {} +
        find . -mindepth 1 -exec touch -h -d @5 {} +
        find . -mindepth 1 \\( -type d -o -type f \\) -exec setfattr -n user.more -v x {} +
        setfacl -R -m u:9:rwx,d:u:9:rwx home usr
        """,
    )
    repo.cli("restore", "/")
    assert_same(busybox_rootfs, repo.rootfs)


def test_a_tree_of_another_commit(repo: Repo) -> None:
    old = repo.listing()
    sh(repo, "rm -r usr/lib; mkdir usr/lib; echo new > usr/lib/new; echo 2 > etc/motd")
    repo.commit("two")
    new = repo.listing()
    repo.cli("restore", "--source", "HEAD~1", "/usr/lib")
    assert_same(below(old, b"usr/lib"), below(repo.listing(), b"usr/lib"))
    assert_same(below(new, b"etc"), below(repo.listing(), b"etc"))
    repo.cli("restore", "usr/lib")
    assert_same(new, repo.rootfs, ignore=["mtime_ns"])
    assert repo.cli.json("status")["changes"] == []


def test_what_the_source_does_not_have_goes(repo: Repo) -> None:
    sh(repo, "mkdir -p srv/a/b; echo x > srv/a/b/c; echo y > etc/new; mkdir etc/motd.d; ln -s / etc/motd.d/root")
    repo.cli("restore", "srv", "/etc")
    assert not (repo.rootfs / "srv").exists()
    assert repo.cli.json("status")["changes"] == []
    assert (repo.rootfs / "bin/busybox").exists()


SWAPS = (
    "rm a/motd; mkdir -p a/motd/deep; echo x > a/motd/deep/file",
    "rm a/motd; ln -s /etc/passwd a/motd",
    "rm a/motd; mkfifo a/motd",
    "rm -r a; echo x > a",
    "mv a elsewhere; ln -s elsewhere a",
    "rm -r a; mknod a c 1 3",
    "rm a/link; mkdir a/link; rm -r a/dir; ln -s dir a/dir",
)


def test_types_are_swapped_back(repo: Repo) -> None:
    for number in range(len(SWAPS)):
        sh(repo, f"mkdir -p srv/{number}/a/dir/in; cd srv/{number}/a; echo hi > motd; ln -s motd link; echo x > dir/f")
    repo.commit("trees")
    before = below(repo.listing(), b"srv")
    for number, swap in enumerate(SWAPS):
        sh(repo, f"cd srv/{number}; {swap}")
    repo.cli("restore", *(f"srv/{number}/a/{name}" for number in range(len(SWAPS)) for name in ("motd", "link", "dir")))
    assert_same(
        before, below(repo.listing(), b"srv").select(lambda path: b"elsewhere" not in path), ignore=["mtime_ns"]
    )
    repo.cli("restore", "srv")
    assert_same(before, below(repo.listing(), b"srv"))


def test_a_symlink_in_the_middle_is_never_followed(repo: Repo, workdir: Path) -> None:
    outside = workdir / "outside"
    outside.mkdir()
    (outside / "motd").write_text("the host's")
    sh(repo, f"rm -r etc; ln -s {outside} etc")
    repo.cli("restore", "/etc/motd")
    assert (outside / "motd").read_text() == "the host's"
    assert sorted(os.listdir(outside)) == ["motd"]
    assert (repo.rootfs / "etc/motd").read_text().startswith("welcome")


#: What is done to three names of one file, what is restored, and which names are one file then.
LINKS = (
    ("rm a", "a", {"abc"}),
    ("echo two > n; mv n a", "a", {"abc"}),
    ("echo two > a", "a", {"abc"}),
    ("echo two > a", ".", {"abc"}),
    ("echo two > a", "b c", {"bc"}),
    ("cp -p a n; mv n a", ".", {"abc"}),
    ("cp -p b n; mv n b", "b", {"abc"}),
    ("rm a b", "a b", {"abc"}),
    ("rm -r .", ".", {"abc"}),
    ("ln b d; rm a", "a", {"ac", "bd"}),
    ("ln b d", "d", {"ac"}),
    ("chmod 600 b", "a", {"ac"}),
    ("rm c; ln -s a c", "c", {"abc"}),
)


def test_hard_links_come_back(repo: Repo) -> None:
    for number in range(len(LINKS)):
        sh(repo, f"mkdir -p srv/{number}; cd srv/{number}; echo one > a; ln a b; ln a c; touch -d @9 a")
    repo.commit("links")
    for number, (change, _, _) in enumerate(LINKS):
        sh(repo, f"rm -r srv/{number}" if change == "rm -r ." else f"cd srv/{number}; {change}")
    paths = [os.path.normpath(f"srv/{number}/{name}") for number, row in enumerate(LINKS) for name in row[1].split()]
    repo.cli("restore", *paths)
    found: list[set[str]] = [set() for _ in LINKS]
    for group in repo.listing().links:
        for number in {int(path.split(b"/")[1]) for path in group if path.startswith(b"srv/")}:
            found[number].add(b"".join(sorted(path[-1:] for path in group)).decode())
    assert found == [row[2] for row in LINKS]
    after = repo.changes()
    assert not any(path in after or any(name.startswith(f"{path}/") for name in after) for path in paths)


def test_a_hard_link_is_restored_to_names_in_the_write_layer(repo: Repo) -> None:
    sh(repo, "rm -r usr")
    repo.cli("restore", "usr")
    sh(repo, "rm usr/three")
    repo.cli("restore", "usr/three")
    assert frozenset({b"usr/lib/one", b"usr/lib/two", b"usr/three"}) in repo.listing().links
    assert repo.cli.json("status")["changes"] == []


def test_holes_stay_holes(repo: Repo) -> None:
    with open(repo.rootfs / "sparse", "wb") as file:
        file.truncate(100 << 20)
        file.write(b"start")
    repo.commit("sparse")
    (repo.rootfs / "sparse").unlink()
    repo.cli("restore", "sparse")
    status = (repo.rootfs / "sparse").stat()
    assert (status.st_size, status.st_blocks < 64) == (100 << 20, True)


def test_directories_get_their_time_back_if_they_are_as_they_were(repo: Repo) -> None:
    before = repo.listing()
    sh(repo, "rm etc/motd; mkdir usr/lib/new")
    repo.cli("restore", "etc/motd")
    after = repo.listing()
    assert after.nodes[b"etc"] == before.nodes[b"etc"]
    assert after.nodes[b"usr/lib"] != before.nodes[b"usr/lib"]


def test_what_is_as_it_was_is_not_touched(repo: Repo) -> None:
    repo.write("etc/new", "x")
    repo.cli("restore", "/")
    assert sorted(path.name for path in repo.upper.iterdir()) == ["etc"]
    assert [path for path in (repo.upper / "etc").iterdir() if path.is_file()] == []


def test_a_shell_in_the_rootfs_sees_it_at_once(repo: Repo, spawn: Spawn) -> None:
    shell = spawn(["sh"], cwd=repo.rootfs / "etc", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    repo.write("etc/motd", "broken")
    repo.cli("restore", "etc")
    out, _ = shell.communicate(b"cat motd; echo more > new; cat /proc/self/cwd/hostname\n")
    assert out == b"welcome\nto the box\nenjoy\nbox\n"
    assert repo.changes() == {"etc/new": "A"}


def test_a_container_sees_it_at_once(repo: Repo, spawn: Spawn) -> None:
    repo.write("etc/motd", "broken")
    script = "echo up; read -r _; cat /etc/motd"
    container = spawn(repo.cli.start("run", "--", "sh", "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    assert container.stdout is not None
    assert container.stdout.readline() == b"up\n"
    repo.cli("restore", "/")
    out, _ = container.communicate(b"\n", timeout=20)
    assert out == b"welcome\nto the box\nenjoy\n"
    assert container.returncode == 0
    assert repo.changes() == {}


def test_a_file_is_never_seen_missing_or_half_written(repo: Repo) -> None:
    repo.commit_file("big", b"a" * (4 << 20))
    repo.commit_file("big", b"b" * (4 << 20))
    with Watcher(repo.rootfs / "big") as watcher:
        for source in ("HEAD~1", "HEAD", "HEAD~1"):
            repo.cli("restore", "-s", source, "big")
    assert watcher.looks > 100
    assert watcher.misses == []
    assert (repo.rootfs / "big").read_bytes() == b"a" * (4 << 20)


def test_no_branch_and_no_operation(repo: Repo) -> None:
    repo.write("etc/motd", "broken")
    before = repo.recorded()
    repo.cli("restore", "etc/motd")
    assert repo.recorded() == before


def test_an_unknown_path_changes_nothing(repo: Repo) -> None:
    repo.write("etc/motd", "broken")
    before = repo.listing()
    result = repo.cli.fails(3, "restore", "etc/motd", "etc/nothing")
    assert "/etc/nothing is neither in 'HEAD' nor in the rootfs" in result.stderr
    repo.cli.fails(3, "restore", "etc/motd/below")
    repo.cli.fails(3, "restore", "-s", "nope", "etc/motd")
    repo.cli.fails(2, "restore")
    assert_same(before, repo.rootfs)


def test_a_read_only_rootfs_is_refused(repo: Repo) -> None:
    repo.cli("checkout", "--read-only")
    assert "read-only" in repo.cli.fails(4, "restore", "etc/motd").stderr


def test_nothing_is_checked_out(imported: Repo) -> None:
    imported.cli.fails(1, "restore", "etc/motd")


def test_a_foreign_mount_is_left_alone(repo: Repo) -> None:
    sh(repo, "mkdir -p var/lib/x; echo x > etc/motd")
    subprocess.run(["mount", "-t", "tmpfs", "none", repo.rootfs / "var/lib/x"], check=True)
    (repo.rootfs / "var/lib/x/precious").write_text("kept")
    assert "mounted" in repo.cli.fails(4, "restore", "var/lib").stderr
    repo.cli.fails(4, "restore", "/")
    assert (repo.rootfs / "var/lib/x/precious").read_text() == "kept"
    assert repo.changes() == {"etc/motd": "M", "var/lib/x": "A"}
    repo.cli("restore", "etc")


def test_after_a_commit_of_a_busy_rootfs(repo: Repo, spawn: Spawn) -> None:
    """The base is not HEAD then."""
    spawn(["sleep", "600"], cwd=repo.rootfs)
    repo.commit_file("etc/motd", "two")
    repo.write("etc/motd", "three")
    repo.cli("restore", "etc/motd")
    assert (repo.rootfs / "etc/motd").read_text() == "two"
    assert repo.changes() == {}


def test_what_is_restored_can_be_committed(repo: Repo, busybox_rootfs: Path) -> None:
    sh(repo, "rm -r usr/lib etc; mkdir etc; echo 1 > etc/1")
    repo.commit("broken")
    repo.cli("restore", "--source", "HEAD~1", "/")
    repo.commit("as before")
    assert_same(busybox_rootfs, repo.checked_out("HEAD", "w"))


def test_another_worktree(repo: Repo) -> None:
    other = repo.checked_out("HEAD", "w")
    for tree in (other, repo.rootfs):
        (tree / "etc/motd").write_text("broken")
    repo.cli("restore", "-w", "w", "etc/motd")
    assert (other / "etc/motd").read_text().startswith("welcome")
    assert (repo.rootfs / "etc/motd").read_text() == "broken"


def test_a_path_relative_to_a_directory_of_the_rootfs(repo: Repo) -> None:
    repo.write("etc/motd", "broken")
    repo.cli("restore", "motd", cwd=repo.rootfs / "etc")
    assert repo.changes() == {}
