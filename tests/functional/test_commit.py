"""``layerctl commit``: what is recorded, faithfully, and what is left alone. Sealing and copying: test_commit_busy."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

from tests.oracle import assert_same
from tests.support import rootfs
from tests.support.cli import Repo


def test_commit_prints_branch_short_id_subject_and_counts(repo: Repo) -> None:
    repo.write("etc/new", "x")
    (repo.rootfs / "etc/motd").unlink()
    printed = repo.cli("commit", "-m", "the subject\n\nthe body").stdout
    head = repo.head()
    match = re.match(r"\[main ([0-9a-f]{7,})\] the subject\n", printed)
    assert match
    assert head.startswith(match[1])
    assert re.search(r"\b1 added\b", printed)
    assert re.search(r"\b1 deleted\b", printed)


def test_commit_json(repo: Repo) -> None:
    repo.write("etc/new", "four")
    repo.write("etc/motd", "changed")
    (repo.rootfs / "etc/hostname").unlink()
    document = repo.commit("x")
    layer = document["layer"]
    assert (document["commit"], document["branch"]) == (repo.head(), "main")
    assert (layer["added"], layer["modified"], layer["deleted"]) == (1, 1, 1)
    assert layer["bytes"] == len("four") + len("changed")
    assert layer["quiescence"] == "sealed"
    assert re.fullmatch(r"[0-9a-f]{64}", layer["id"])


def test_nothing_to_commit_is_exit_one_and_writes_nothing(repo: Repo) -> None:
    before = repo.recorded()
    assert "nothing to commit" in repo.cli.fails(1, "commit", "-m", "x").stderr
    assert repo.recorded() == before


def test_a_copy_up_that_changed_nothing_is_no_change(repo: Repo) -> None:
    """Overlayfs copies a file up when it is opened for writing; content and metadata are as before."""
    motd = repo.rootfs / "etc/motd"
    times = motd.stat()
    with open(motd, "r+b") as file:
        content = file.read()
        file.seek(0)
        file.write(content)
    os.utime(motd, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (repo.upper / "etc/motd").exists()
    repo.cli.fails(1, "commit", "-m", "x")
    repo.write("etc/new", "x")
    etc = repo.rootfs / "etc"
    assert repo.commit("one file")["layer"]["modified"] == 0
    assert etc.is_dir()


def test_allow_empty(repo: Repo, busybox_rootfs: Path) -> None:
    before = repo.head()
    repo.commit("empty", "--allow-empty")
    assert repo.head("HEAD~1") == before
    assert_same(busybox_rootfs, repo.rootfs)


def test_what_was_committed_can_be_checked_out_elsewhere(repo: Repo) -> None:
    _change_everything(repo.rootfs)
    before = repo.listing()
    repo.commit("everything")
    assert_same(before, repo.rootfs)
    assert_same(before, repo.checked_out("HEAD", "elsewhere"))
    assert repo.changes() == {}


def test_every_kind_of_change_survives_three_commits(repo: Repo) -> None:
    for step in (_change_everything, _undo_some, _swap_types):
        step(repo.rootfs)
        repo.commit(step.__name__)
    before = repo.listing()
    assert_same(before, repo.checked_out("HEAD", "third"))


def test_the_same_change_has_the_same_layer_id(repo: Repo) -> None:
    """TRAPS 7: overlay's own xattrs and inode numbers must not reach a layer id."""
    ids = []
    for name in ("one", "two"):
        root = repo.checked_out("HEAD", name)
        _change_everything(root)
        _fix_times(root)
        ids.append(repo.cli.json("commit", "-w", name, "-m", name)["layer"]["id"])
    assert ids[0] == ids[1]


def test_overlay_xattrs_never_reach_a_listing(repo: Repo) -> None:
    """TRAPS 7: copy-up leaves origin and impure marks, mkdir over a deleted directory an opaque one."""
    (repo.rootfs / "etc/passwd").chmod(0o600)
    shutil.rmtree(repo.rootfs / "home/shared")
    (repo.rootfs / "home/shared").mkdir()
    repo.commit("x")
    listed = repo.git("grep", "-a", "-h", "", "HEAD", "--", "rootfs")
    assert "xattr.user.binary" in listed
    assert "overlay" not in listed


def test_user_data_named_like_overlay_xattrs_is_kept_and_hides_nothing(repo: Repo) -> None:
    """TRAPS 5, 6: a process inside may set these; they are its data, not deletion marks."""
    os.setxattr(repo.rootfs / "etc", "user.overlay.opaque", b"y")
    os.setxattr(repo.rootfs / "home", "trusted.overlay.opaque", b"y")
    before = repo.listing()
    repo.commit("x")
    other = repo.checked_out("HEAD", "w")
    assert_same(before, other)
    assert os.getxattr(other / "home", "trusted.overlay.opaque") == b"y"
    assert (other / "etc/passwd").exists()
    assert (other / "home/app").exists()


def test_xattr_whiteout_lookalikes_are_plain_files(repo: Repo) -> None:
    """TRAPS 3: a zero-size file with an overlay.whiteout xattr, set from inside, deletes nothing."""
    (repo.rootfs / "etc/mark").touch()
    os.setxattr(repo.rootfs / "etc/mark", "user.overlay.whiteout", b"")
    before = repo.listing()
    repo.commit("x")
    assert_same(before, repo.checked_out("HEAD", "w"))


def test_deletions_inside_new_and_opaque_directories_leave_no_unreadable_names(repo: Repo) -> None:
    """TRAPS 2, 4."""
    shutil.rmtree(repo.rootfs / "usr/lib")
    (repo.rootfs / "usr/lib").mkdir()
    (repo.rootfs / "usr/lib/a").write_text("a")
    (repo.rootfs / "etc/motd").unlink()
    (repo.rootfs / "etc/motd").mkdir()
    repo.commit("opaque")
    (repo.rootfs / "usr/lib/a").unlink()
    (repo.rootfs / "etc/motd/x").write_text("x")
    repo.commit("inside")
    before = repo.listing()
    assert not any(node.kind == "unreadable" for node in before.nodes.values())
    assert_same(before, repo.checked_out("HEAD", "w"))
    assert os.listdir(repo.top / "at-w/usr/lib") == []


def test_two_edits_of_equal_size_in_one_second_are_two_commits(repo: Repo) -> None:
    """TRAPS 17."""
    repo.commit_file("etc/n", "aaaa")
    repo.commit_file("etc/n", "bbbb")
    assert repo.cli("show", "HEAD:etc/n").out == b"bbbb"
    assert repo.cli("show", "HEAD~1:etc/n").out == b"aaaa"


def test_an_edit_that_keeps_size_and_mtime_is_a_change(repo: Repo) -> None:
    motd = repo.rootfs / "etc/motd"
    times = motd.stat()
    motd.write_bytes(motd.read_bytes().swapcase())
    os.utime(motd, ns=(times.st_atime_ns, times.st_mtime_ns))
    repo.commit("sneaky")
    assert b"WELCOME" in repo.cli("show", "HEAD:etc/motd").out


def test_chmod_of_one_of_two_hardlinks_breaks_the_pair_as_the_mount_shows_it(repo: Repo) -> None:
    """TRAPS 11."""
    (repo.rootfs / "usr/lib/one").chmod(0o600)
    before = repo.listing()
    repo.commit("x")
    assert_same(before, repo.checked_out("HEAD", "w"))


def test_commit_of_some_paths_leaves_the_rest(repo: Repo) -> None:
    repo.write("etc/in", "in")
    repo.write("srv/tree/a", "a")
    repo.write("srv/tree/b", "b")
    repo.write("etc/out", "out")
    (repo.rootfs / "etc/hostname").unlink()
    (repo.rootfs / "etc/motd").unlink()
    before = repo.listing()
    repo.commit("some", "etc/in", "srv/tree", "etc/hostname")
    assert repo.changes() == {"etc/out": "A", "etc/motd": "D"}
    assert_same(before, repo.rootfs)
    other = repo.checked_out("HEAD", "w")
    assert (other / "srv/tree/b").read_text() == "b"
    assert not (other / "etc/out").exists()
    assert (other / "etc/motd").exists()
    assert not (other / "etc/hostname").exists()


def test_commit_of_a_path_that_is_not_there_is_not_found(repo: Repo) -> None:
    repo.write("etc/new", "x")
    repo.cli.fails(3, "commit", "-m", "x", "no/such/path")
    assert repo.changes() == {"etc/new": "A"}


def test_exclude_leaves_matching_changes_out(repo: Repo) -> None:
    repo.write("tmp/scratch", "x")
    repo.write("var/cache/big", "x")
    repo.write("etc/kept", "x")
    repo.commit("x", "--exclude", "tmp/*", "--exclude", "var/cache/**")
    assert repo.changes("diff", "HEAD~1", "HEAD").get("etc/kept") == "A"
    assert "tmp/scratch" not in repo.changes("diff", "HEAD~1", "HEAD")
    assert "var/cache/big" not in repo.changes("diff", "HEAD~1", "HEAD")
    assert (repo.rootfs / "tmp/scratch").exists()


def test_amend_replaces_the_last_commit(repo: Repo) -> None:
    base = repo.head()
    repo.commit_file("etc/one", "1", "first")
    repo.write("etc/two", "2")
    repo.commit("better", "--amend")
    assert repo.head("HEAD~1") == base
    assert [commit["message"] for commit in repo.cli.json("log")] == ["better", "base"]
    other = repo.checked_out("HEAD", "w")
    assert ((other / "etc/one").read_text(), (other / "etc/two").read_text()) == ("1", "2")


def test_amend_without_a_message_keeps_the_old_one(repo: Repo) -> None:
    repo.commit_file("etc/one", "1", "keep me")
    repo.write("etc/one", "11")
    repo.cli("commit", "--amend")
    assert repo.cli.json("log")[0]["message"] == "keep me"
    assert repo.cli("show", "HEAD:etc/one").out == b"11"


def test_amend_with_a_new_message_alone(repo: Repo) -> None:
    repo.commit_file("etc/one", "1", "typo")
    before = repo.listing()
    repo.commit("fixed", "--amend")
    assert [commit["message"] for commit in repo.cli.json("log")] == ["fixed", "base"]
    assert_same(before, repo.checked_out("HEAD", "w"))


def test_amended_commit_is_still_in_the_reflog(repo: Repo) -> None:
    old = repo.commit_file("etc/one", "1", "old")["commit"]
    repo.commit("new", "--amend", "--allow-empty")
    assert repo.head("main@{1}") == old


def test_change_edits_the_image_config(repo: Repo) -> None:
    repo.commit("x", "--change", "ENV A=b", "--change", 'CMD ["/bin/sh"]', "--change", "WORKDIR /srv")
    config = repo.git("show", "HEAD:config.json")
    assert '"A=b"' in config
    assert '"/bin/sh"' in config
    assert '"/srv"' in config


def test_a_change_that_makes_no_sense_is_usage(repo: Repo) -> None:
    repo.cli.run("commit", "-m", "x", "--change", "FROB x", code=2)


def test_author_and_date_options(repo: Repo) -> None:
    repo.write("etc/new", "x")
    repo.commit("x", "--author", "Ada L <ada@example.org>", "--date", "2020-02-03T04:05:06+02:00")
    assert repo.git("log", "-1", "--format=%an <%ae> %aI %cn").strip() == (
        "Ada L <ada@example.org> 2020-02-03T04:05:06+02:00 Test Author"
    )


def test_author_from_the_environment(repo: Repo) -> None:
    repo.write("etc/new", "x")
    env = {"LAYERCTL_AUTHOR_NAME": "Env Name", "LAYERCTL_AUTHOR_EMAIL": "env@example.org"}
    repo.cli("commit", "-m", "x", env=env)
    assert repo.git("log", "-1", "--format=%an <%ae>").strip() == "Env Name <env@example.org>"


def test_author_from_git_config(repo: Repo) -> None:
    home = Path(repo.cli.env["HOME"])
    (home / ".gitconfig").write_text("[user]\n\tname = Git Name\n\temail = git@example.org\n")
    repo.write("etc/new", "x")
    repo.cli("commit", "-m", "x", env={"LAYERCTL_AUTHOR_NAME": None, "LAYERCTL_AUTHOR_EMAIL": None})
    assert repo.git("log", "-1", "--format=%an <%ae>").strip() == "Git Name <git@example.org>"


def test_without_any_author_it_still_works(repo: Repo) -> None:
    repo.write("etc/new", "x")
    gone = dict.fromkeys(["LAYERCTL_AUTHOR_NAME", "LAYERCTL_AUTHOR_EMAIL", "HOME"])
    repo.cli("commit", "-m", "x", env=gone)
    assert re.fullmatch(r".+ <.+@.+>", repo.git("log", "-1", "--format=%an <%ae>").strip())


def test_a_message_is_kept_to_the_byte(repo: Repo) -> None:
    message = "snow \u2603\n\nbody with 'quotes'\n\n# not a comment"
    repo.commit(message, "--allow-empty")
    assert repo.git("log", "-1", "--format=%B").strip() == message
    assert repo.cli.json("log")[0]["message"] == message


def test_commit_without_a_message_on_a_pipe_is_usage(repo: Repo) -> None:
    repo.write("etc/new", "x")
    repo.cli.run("commit", code=2)
    assert repo.changes() == {"etc/new": "A"}


def test_sockets_and_fifos_do_not_stop_a_commit(repo: Repo) -> None:
    """TRAPS 19: opening a fifo would block for ever."""
    rootfs.add_socket(repo.rootfs / "run/sock")
    os.mkfifo(repo.rootfs / "run/pipe")
    os.mknod(repo.rootfs / "dev/zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    before = repo.listing()
    repo.cli("commit", "-m", "specials", timeout=20)
    assert_same(before, repo.checked_out("HEAD", "w"))


def test_a_renamed_directory_is_committed(repo: Repo) -> None:
    """TRAPS 8, 10: rename(2) of a lower directory is EXDEV; mv copies."""
    subprocess.run(["mv", repo.rootfs / "usr/lib", repo.rootfs / "usr/lib64"], check=True)
    before = repo.listing()
    repo.commit("mv")
    assert_same(before, repo.checked_out("HEAD", "w"))


def test_a_write_layer_with_redirects_is_refused(repo: Repo) -> None:
    """TRAPS 8: a redirect or metacopy mark in a write layer means content that is not there."""
    repo.write("etc/new", "x")
    os.setxattr(repo.upper / "etc/new", "trusted.overlay.metacopy", b"")
    before = repo.head()
    repo.cli.fails(5, "commit", "-m", "x")
    assert repo.head() == before


def test_a_wh_file_in_a_rootfs_is_an_ordinary_file(repo: Repo) -> None:
    """TRAPS 9."""
    repo.write("etc/.wh.motd", "real file")
    before = repo.listing()
    repo.commit("x")
    assert_same(before, repo.checked_out("HEAD", "w"))


def test_commits_on_a_detached_head_survive_git_gc(repo: Repo) -> None:
    repo.cli("checkout", "--detach")
    commit = repo.commit_file("etc/new", "x")["commit"]
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "--prune=now", "--quiet")
    assert repo.cli.json("status")["head"] == commit
    assert repo.cli("show", "HEAD:etc/new").out == b"x"


def _change_everything(root: Path) -> None:
    """One of every change that a process can make."""
    (root / "etc/passwd").write_text("changed\n")
    (root / "etc/group").chmod(0o600)
    os.chown(root / "etc/hostname", 5, 6)
    (root / "etc/secret").unlink()
    shutil.rmtree(root / "home/app")
    shutil.rmtree(root / "home/shared")
    (root / "home/shared").mkdir()
    (root / "home/shared/fresh").write_text("fresh\n")
    os.setxattr(root / "etc/noted", "user.new", b"\x00\xff")
    os.removexattr(root / "usr/bin/pinger", "security.capability")
    (root / "etc/motd").unlink()
    (root / "etc/motd").mkdir()
    (root / "usr/lib/soft").unlink()
    (root / "usr/lib/soft").symlink_to("elsewhere")
    os.link(root / "usr/lib/empty", root / "usr/lib/empty2")
    (root / "srv/a/b").mkdir(parents=True)
    (root / "srv/a/b/c").write_text("c\n")
    os.link(root / "srv/a/b/c", root / "srv/c-too")
    os.mkfifo(root / "srv/fifo")
    os.mknod(root / "srv/dev", stat.S_IFBLK | 0o600, os.makedev(7, 9))
    Path(os.fsdecode(os.fsencode(root) + b"/srv/\xff\n")).write_bytes(b"odd")
    os.utime(root / "etc/noted", ns=(1, 123_456_789_987_654_321))
    root.chmod(0o711)


def _undo_some(root: Path) -> None:
    (root / "etc/motd").rmdir()
    (root / "etc/motd").write_text("back\n")
    (root / "home/shared/fresh").unlink()
    (root / "home/app").mkdir()
    shutil.rmtree(root / "srv/a")
    os.unlink(os.fsencode(root) + b"/srv/\xff\n")
    root.chmod(0o755)


def _swap_types(root: Path) -> None:
    """TRAPS 21: file, directory and symlink at the same path."""
    shutil.rmtree(root / "home")
    (root / "home").symlink_to("srv")
    (root / "srv/dev").unlink()
    (root / "srv/dev").mkdir()
    (root / "srv/fifo").unlink()
    (root / "srv/fifo").write_text("file")
    (root / "etc/group").unlink()
    (root / "etc/group").symlink_to("/etc/passwd")


def _fix_times(root: Path) -> None:
    for top, dirs, files in os.walk(os.fsencode(root), topdown=False):
        for name in dirs + files:
            os.utime(os.path.join(top, name), ns=(0, 1_500_000_000_000_000_000), follow_symlinks=False)
    os.utime(root, ns=(0, 1_500_000_000_000_000_000))
