"""What things cost on a real root file system: a diff costs what differs, a commit what changed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.oracle import assert_same
from tests.support import rootfs
from tests.support.cli import COMMAND, Layerctl, Repo
from tests.support.measure import accounted, seconds

pytestmark = pytest.mark.xdist_group("debian")


@pytest.fixture(scope="module")
def debian_repo(module_workdir: Path, minbase_tar: Path) -> Repo:
    """A repository with a Debian rootfs (some 8,000 entries), imported once."""
    for name in ("top", "home"):
        (module_workdir / name).mkdir()
    cli = Layerctl(module_workdir / "top", module_workdir / "home")
    cli("init")
    cli("import", minbase_tar, "-m", "debian")
    return Repo(cli.cwd, cli)


@pytest.fixture
def debian(debian_repo: Repo) -> Repo:
    """That rootfs, fresh, as the worktree ``default`` on main."""
    debian_repo.cli("checkout", "--discard", "main")
    debian_repo.cli("rollback", "--discard", debian_repo.git("rev-list", "--max-parents=0", "main").strip())
    return debian_repo


def _git_objects_opened(repo: Repo, *args: str) -> int:
    """How many loose Git objects and packs a command opens."""
    log = repo.top / "strace.log"
    command = ["strace", "-f", "-qq", "-e", "trace=open,openat", "-o", log, *COMMAND, *args]
    done = subprocess.run(command, cwd=repo.top, env=repo.cli.environment(), capture_output=True)
    assert done.returncode == 0, done.stderr
    return len(re.findall(r"git/objects/[0-9a-f]{2}/[0-9a-f]{38}\", [^\n]*= \d+", log.read_text()))


def _unpack_all(repo: Repo) -> None:
    """Makes every packed object a loose one, a file of its own that must be opened to be read."""
    for pack in (repo.dot / "git/objects/pack").glob("*.pack"):
        aside = repo.top / pack.name
        pack.rename(aside)
        pack.with_suffix(".idx").unlink()
        command = ["git", "--git-dir", repo.dot / "git", "unpack-objects", "-q"]
        subprocess.run(command, input=aside.read_bytes(), check=True)


def test_a_diff_of_far_commits_costs_what_differs(debian: Repo) -> None:
    """Objects that are read: those along the changed paths, out of the thousands that the snapshots consist of."""
    debian.commit_file("srv/first", "x", "start")
    for number in range(12):
        debian.commit_file("etc/counter", str(number), f"step {number}")
    _unpack_all(debian)
    opened = _git_objects_opened(debian, "--json", "diff", "HEAD~12", "HEAD")
    assert debian.changes("diff", "HEAD~12", "HEAD") == {"etc/counter": "A"}
    assert opened < 40
    assert int(debian.git("count-objects").split()[0]) > 1000


def test_a_commit_writes_only_what_changed_and_its_ancestors(debian: Repo) -> None:
    before = int(debian.git("count-objects").split()[0])
    debian.commit_file("usr/share/doc/new/file", "x")
    assert int(debian.git("count-objects").split()[0]) - before < 25


def test_a_small_commit_on_a_large_image_reads_little(debian: Repo) -> None:
    debian.write("etc/new", "x")
    assert accounted(debian.cli, "commit", "-m", "x").read < 32 << 20


@pytest.mark.serial
def test_a_checkout_of_a_large_image_takes_no_longer_than_of_a_small_one(
    debian: Repo, workdir: Path, busybox_rootfs: Path
) -> None:
    small = Repo(workdir / "small", Layerctl(workdir / "small", workdir / "home"))
    small.top.mkdir()
    small.cli("init")
    small.cli("import", busybox_rootfs)
    times = {}
    for repo in (small, debian):
        adds = (["worktree", "add", f"w{n}", "HEAD", "--at", str(repo.top / f"at{n}")] for n in range(3))
        times[repo.top] = min(seconds(repo.cli, *args) for args in adds)
    assert times[debian.top] < 1.5 * times[small.top] + 0.2


def test_the_whole_loop_on_debian(debian: Repo) -> None:
    """Import, check out, change, commit, break, roll back: file by file the committed rootfs."""
    (debian.rootfs / "etc/motd.new").write_text("hello")
    subprocess.run(["chroot", debian.rootfs, "sh", "-c", "rm -r /usr/share/doc; adduser --version"], check=False)
    debian.commit("work")
    before = debian.listing()
    subprocess.run(["chroot", debian.rootfs, "sh", "-c", "rm -rf /usr/lib /bin /etc/passwd"], check=False)
    (debian.rootfs / "etc").chmod(0o700)
    assert len(debian.changes()) > 1000
    debian.cli("rollback", "HEAD")
    assert_same(before, debian.rootfs)


def test_a_commit_of_thousands_of_files(debian: Repo) -> None:
    rootfs.make_tree(debian.rootfs / "srv", directories=100, files=50)
    before = debian.listing()
    document = debian.commit("many")
    assert document["layer"]["added"] == 5000 + 100 + len(["d00", "share", "usr"])
    assert_same(before, debian.checked_out("HEAD", "w"))


def test_a_deep_history_is_mounted_with_few_layers_and_read_quickly(debian: Repo) -> None:
    for number in range(26):
        debian.commit_file(f"srv/f{number}", str(number))
    assert sorted(os.listdir(debian.rootfs / "srv")) == sorted(f"f{number}" for number in range(26))
    assert len(debian.cli.json("log")) == 27


_PEAK = """
import re
from pathlib import Path
from layerctl import Repository
Repository.init(Path("."))
{code}
print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def _peak(cli: Layerctl, code: str) -> int:
    """The most memory, in bytes, that a Python process takes for some calls."""
    command = [sys.executable, "-c", _PEAK.format(code=code)]
    done = subprocess.run(command, cwd=cli.cwd, env=cli.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout) << 10


def test_a_large_image_is_imported_and_checked_in_little_memory(layerctl: Layerctl, workdir: Path) -> None:
    """Its listing is there once, and not once more for each step."""
    rootfs.make_tree(workdir / "large", directories=200, files=100, size=1)
    rootfs.make_tree(workdir / "small", directories=1, files=1)
    importing = 'Repository.open(Path(".")).import_image("{}", branch="{}")'
    small, large = (_peak(layerctl, importing.format(workdir / name, name)) for name in ("small", "large"))
    assert large - small < 20 << 20
    assert _peak(layerctl, 'Repository.fsck(Path("."))') - small < 13 << 20
