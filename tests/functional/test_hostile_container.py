"""What a malicious container leaves behind: layerctl works on, and nothing of the host is read or touched."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.oracle import Listing, assert_same, listing
from tests.support import rootfs
from tests.support.cli import Repo

_SOAK = bool(os.environ.get("LAYERCTL_SOAK"))
SECRET = "CANARY: only the host may see this"


@pytest.fixture
def canary(workdir: Path) -> Iterator[Path]:
    """A tree of the host with what an attacker would like to be read, changed or deleted; untouched at the end."""
    root = workdir / "canary"
    (root / "empty").mkdir(parents=True)
    (root / "sub").mkdir()
    for name in ("secret", "passwd", "group", "motd", "resolv.conf", "sub/secret", "ptmx"):
        (root / name).write_text(f"root:{SECRET}:0:0:{SECRET}:/{SECRET}:/bin/sh\n")
    (root / "placeholder").touch()
    before = listing(root)
    yield root
    assert_same(before, root)
    assert {path.stat().st_nlink for path in root.rglob("*") if path.is_file()} == {1}


def _assert_no_leak(repo: Repo) -> None:
    """The canary's content is neither in a layer nor in Git."""
    needle = SECRET.encode()
    for place in [*(repo.dot / "layers").rglob("*"), *(repo.dot / "parked").rglob("*")]:
        if stat.S_ISREG(place.lstat().st_mode):
            assert needle not in place.read_bytes(), place
    hashes = repo.git("rev-list", "--objects", "--all")
    for line in hashes.splitlines():
        name = line.split()[0]
        if repo.git("cat-file", "-t", name).strip() == "blob":
            assert SECRET not in repo.git("cat-file", "-p", name)


def _replace(path: Path, target: Path | str) -> None:
    """A symlink in place of whatever is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.symlink_to(target)


# ------------------------------------------------------------------------------------------------------- forged marks


def test_forged_marks_hide_nothing_and_are_kept_as_user_data(repo: Repo, canary: Path) -> None:
    """Set from inside, an attribute of overlayfs's own name is data, through commit, checkout and merged layers."""
    marks = ["opaque", "redirect", "metacopy", "whiteout", "origin", "impure", "nlink", "upper"]
    repo.write("etc/new/file", "new\n")
    for place in ("etc", "etc/new", "etc/motd", "usr/lib", "etc/new/file"):
        for prefix in ("user.overlay.", "trusted.overlay."):
            for mark in marks:
                value = os.fsencode(canary) if mark == "redirect" else b"y"
                os.setxattr(repo.rootfs / place, prefix + mark, value)
    before = repo.listing()
    repo.commit("forged")
    assert_same(before, repo.rootfs)
    assert_same(before, repo.checked_out("HEAD", "again"))
    assert os.getxattr(repo.top / "at-again/etc", "trusted.overlay.opaque") == b"y"
    repo.commit_file("etc/new/file", "again\n")
    os.setxattr(repo.rootfs / "etc/new/file", "user.overlay.opaque", b"y")
    assert set(os.listdir(repo.rootfs / "etc")) == {os.fsdecode(p[4:]) for p in before.nodes if _in(p, b"etc")}


def _in(path: bytes, folder: bytes) -> bool:
    return path.startswith(folder + b"/") and path.count(b"/") == 1


@pytest.mark.parametrize("mark", ["redirect", "metacopy"])
def test_half_a_file_is_refused_and_never_followed(repo: Repo, canary: Path, mark: str) -> None:
    """Such a mark really on disk means that somebody else mounted the write layer."""
    repo.write("etc/motd", "changed\n")
    os.setxattr(repo.upper / "etc/motd", f"trusted.overlay.{mark}", os.fsencode(canary / "secret"))
    before = repo.recorded()
    for verb in (["status"], ["diff", "-p"], ["commit", "-m", "no"]):
        assert mark in repo.cli.fails(5, *verb).stderr
    assert repo.recorded() == before


# ------------------------------------------------------------------------------ symlinks where layerctl expects others


@pytest.mark.parametrize("path", ["etc", "etc/passwd etc/group etc/resolv.conf etc/hosts etc/hostname home"])
def test_symlinks_out_in_place_of_what_layerctl_opens(repo: Repo, canary: Path, path: str) -> None:
    """Each leads to a file or directory of the host with what it stands for."""
    for name in path.split():
        _replace(repo.rootfs / name, canary / Path(name).name if name.startswith("etc/") else canary)
    links = {name: os.readlink(repo.rootfs / name) for name in path.split()}
    for options in (["--user", "app"], ["--network", "host", "--workdir", "/home/app"]):
        result = repo.cli.run("run", *options, "--", "/bin/cat", "/etc/passwd", check=False)
        assert result.code in (1, 2, 125, 126), str(result)
        assert SECRET not in result.stdout + result.stderr
    assert SECRET not in repo.cli("diff", "-p").stdout
    assert repo.cli.run("commit", "-m", "x", "etc/sub/secret", check=False).code == 3
    repo.commit("symlinks out")
    assert {name: os.readlink(repo.rootfs / name) for name in links} == links
    assert repo.cli.run("show", "HEAD:home/secret", check=False).code == 3
    assert SECRET not in repo.cli("diff", "-p", "HEAD~1").stdout
    assert repo.cli.run("log", "etc/sub/secret", check=False).code == 3
    _assert_no_leak(repo)


@pytest.mark.parametrize("name", ["dev", "proc", "sys"])
def test_a_runtime_never_follows_a_mount_point_out(repo: Repo, canary: Path, name: str) -> None:
    """runc makes links in ``/dev`` by path; through a symlink it would make them, and replace ``ptmx``, on the host."""
    _replace(repo.rootfs / name, canary)
    assert f"/{name}" in repo.cli.fails(5, "run", "--", "/bin/true").stderr
    repo.commit("a symlink out")
    assert f"/{name}" in repo.cli.fails(5, "run", "--rev", "HEAD", "--", "/bin/true").stderr
    repo.cli("rollback", "HEAD~1")
    repo.cli("run", "--", "/bin/true")


@pytest.mark.parametrize("when", ["in the rootfs", "in the write layer"])
def test_clearing_mount_targets_away_never_follows_a_symlink(
    repo: Repo, canary: Path, workdir: Path, when: str
) -> None:
    """A run makes ``/data/sub/empty``; then ``/data/sub`` leads to where the host has an empty directory, too."""
    (workdir / "shared").mkdir()
    bind = ["-v", f"{workdir / 'shared'}:/data/sub/empty"]
    repo.cli("run", *bind, "--", "/bin/true")
    where = repo.rootfs
    if when == "in the write layer":
        subprocess.run(["umount", repo.rootfs], check=True)
        where = repo.upper
    assert (where / "data/sub/empty").is_dir()
    _replace(where / "data/sub", canary)
    repo.cli("status")
    commit = repo.commit("clears targets away")
    assert (canary / "empty").is_dir()
    assert os.readlink(repo.layer_fs(commit) / "data/sub") == str(canary)


def test_a_repository_inside_of_the_rootfs_is_not_believed(repo: Repo, canary: Path, workdir: Path) -> None:
    """Whoever works in the rootfs must not run the hooks that a container has put there."""
    for source, target in ((repo.dot, workdir / "copy"), (workdir / "copy", repo.rootfs / "home/.layerctl")):
        subprocess.run(["cp", "-a", source, target], check=True)
    hook = repo.rootfs / "home/.layerctl/hooks/pre-commit"
    hook.write_text(f"#!/bin/sh\ntouch '{canary}/owned'\n")
    hook.chmod(0o755)
    commit = repo.cli.json("commit", "-m", "from inside", cwd=repo.rootfs / "home")
    assert repo.head() == commit["commit"]


# ------------------------------------------------------------------------------------------- fifos, sockets, huge names


def test_what_blocks_or_is_too_long_stops_nothing(repo: Repo, canary: Path) -> None:
    for name in ("etc/motd", "etc/hostname"):
        (repo.rootfs / name).unlink()
        os.mkfifo(repo.rootfs / name)
    os.mknod(repo.rootfs / "etc/tape", stat.S_IFCHR | 0o666, os.makedev(9, 0))
    os.mknod(repo.rootfs / "etc/disk", stat.S_IFBLK | 0o666, os.makedev(7, 0))
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(repo.rootfs / "etc/sock"))
    (repo.rootfs / "etc/long").symlink_to("x/" * 2000)
    (repo.rootfs / ("n" * 255)).touch()
    (repo.rootfs / "\033]0;owned\a\r\n").write_text("\033[2Jowned\n")
    rootfs.make_deep(repo.rootfs / "etc/deep", depth=40, name="d" * 250)
    before = repo.listing()
    for verb in (["status"], ["diff", "--stat"]):
        assert "\033" not in repo.cli(*verb, timeout=30).stdout
    repo.cli("diff", "-p", timeout=30)
    repo.commit("odd things")
    assert_same(before, repo.rootfs)
    assert_same(before, repo.checked_out("HEAD", "again"))
    repo.cli("rollback", "--discard")
    assert "\033" not in repo.cli("log", "--stat").stdout


def test_accounts_that_block_or_never_end(repo: Repo) -> None:
    """``run --user`` reads the rootfs's own account files."""
    passwd = repo.rootfs / "etc/passwd"
    passwd.unlink()
    os.mkfifo(passwd)
    assert "app" in repo.cli.fails(2, "run", "--user", "app", "--", "/bin/true", timeout=30).stderr
    passwd.unlink()
    with open(passwd, "wb") as file:
        file.truncate(1 << 40)
    assert "passwd" in repo.cli.fails(2, "run", "--user", "app", "--", "/bin/true", timeout=30).stderr
    passwd.unlink()
    os.mknod(passwd, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    assert "app" in repo.cli.fails(2, "run", "--user", "app", "--", "/bin/true", timeout=30).stderr


# ------------------------------------------------------------------------------------------------- swapped while read

_SWAPPER = """
import os, stat, sys
root, canary = sys.argv[1:]
os.chdir(root)
def file(name): open(name, "w").write("inside " * 1000)
def folder(name): os.mkdir(name); open(name + "/secret", "w").write("inside"); open(name + "/sub", "w").write("inside")
def clear(name):
    if os.path.isdir(name) and not os.path.islink(name):
        for inner in os.listdir(name): os.unlink(name + "/" + inner)
        os.rmdir(name)
    elif os.path.lexists(name): os.unlink(name)
makers = [
    file, lambda name: os.symlink(canary + "/secret", name), os.mkfifo, folder, lambda name: os.symlink(canary, name),
    lambda name: os.mknod(name, stat.S_IFCHR | 0o666, os.makedev(9, 0)), file, folder,
]
names = ["race/%d" % number for number in range(8)]
os.makedirs("race", exist_ok=True)
big = os.open("race/big", os.O_RDWR | os.O_CREAT)
turn = 0
while True:
    for offset, name in enumerate(names):
        clear(name)
        makers[(turn + offset) % len(makers)](name)
    os.ftruncate(big, [0, 1 << 20, 20 << 20, 3][turn % 4])
    os.pwrite(big, b"x" * 5000, turn % 7 * 1000)
    turn += 1
    if turn == 3: print("ready", flush=True)
"""


def test_files_swapped_while_they_are_read(repo: Repo, canary: Path, spawn: Spawn) -> None:
    """File, symlink, fifo, directory and device take each other's place as fast as they can.

    Never an error, never a wait, and never a byte of what the symlinks point at.
    """
    repo.write("race/keep", "kept\n")
    swapper = spawn([sys.executable, "-c", _SWAPPER, repo.rootfs, canary], stdout=subprocess.PIPE)
    assert swapper.stdout is not None
    assert swapper.stdout.readline() == b"ready\n"
    for rounds in range(20 if _SOAK else 2):
        assert SECRET not in repo.cli("diff", "-p", timeout=60).stdout
        repo.cli("status", timeout=60)
        commit = repo.commit(f"while it moves {rounds}")
        assert (repo.layer_fs(commit) / "race").is_dir()
        repo.cli.run("commit", "-m", "a part", "race/3", "race/4", check=False, timeout=60)
    assert swapper.poll() is None, "the swapper itself failed"
    swapper.kill()
    swapper.wait()
    _assert_no_leak(repo)
    before: Listing = repo.listing()
    repo.commit("at rest", "--allow-empty")
    assert_same(before, repo.checked_out("HEAD", "again"))


def test_parents_swapped_for_symlinks_while_a_path_is_committed(repo: Repo, canary: Path, spawn: Spawn) -> None:
    """``commit PATH`` goes through directories that are symlinks to the host the next moment."""
    program = (
        "import os, sys\n"
        "os.chdir(sys.argv[1]); os.makedirs('race/real/sub'); os.symlink(sys.argv[2], 'race/out')\n"
        "for name in ('secret', 'sub/secret'): open('race/real/' + name, 'w').write('inside')\n"
        "os.rename('race/real', 'race/d'); print('ready', flush=True)\n"
        "while True:\n"
        "    os.rename('race/d', 'race/real'); os.rename('race/out', 'race/d')\n"
        "    os.rename('race/d', 'race/out'); os.rename('race/real', 'race/d')\n"
    )
    swapper = spawn([sys.executable, "-c", program, repo.rootfs, canary], stdout=subprocess.PIPE)
    assert swapper.stdout is not None
    assert swapper.stdout.readline() == b"ready\n"
    for number in range(20 if _SOAK else 2):
        result = repo.cli.run("commit", "-m", f"{number}", "race/d/secret", "race/d/sub", check=False, timeout=60)
        assert result.code in (0, 1, 3), str(result)
        assert SECRET not in repo.cli("diff", "-p", timeout=60).stdout
    assert swapper.poll() is None, "the swapper itself failed"
    _assert_no_leak(repo)
