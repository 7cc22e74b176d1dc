"""The verbs that change something, each with a repository in which it has much to do."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from layerctl import Author, Repository
from tests.support.archives import directory, docker_archive, entry, symlink, tar_of

AUTHOR = Author("Test Author", "author@example.org")
#: A fixed instant; what is made here has the same ids wherever and whenever it is made.
EPOCH_NS = 1_700_000_000_123_456_789
_CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
_DEPTH = 28


@dataclass(frozen=True, slots=True)
class Box:
    """A repository at ``top/.layerctl``, mounted at ``top/rootfs``."""

    top: Path

    @property
    def dot(self) -> Path:
        return self.top / ".layerctl"

    @property
    def root(self) -> Path:
        return self.top / "rootfs"

    @property
    def repo(self) -> Repository:
        """A fresh instance, as the next command would make one."""
        return Repository.open(self.top, author=AUTHOR)

    def mount(self) -> None:
        """Mounts every worktree that has something checked out."""
        for worktree in self.repo.list_worktrees():
            if worktree.dirty is not None:
                Repository.open(self.top, worktree=worktree.name, author=AUTHOR).checkout()


@dataclass(frozen=True, slots=True)
class Case:
    """One command, and where it is given.

    Attributes:
        name: in reports, and on the command line of the sweep.
        args: the command's arguments.
        prepare: brings a repository with uncommitted changes into the state before.
        busy: somebody sits in the rootfs meanwhile.
        drops: what was uncommitted need not be there afterwards; that is what was asked for.
        starts_empty: there is no repository yet.
        untouched: no application writes in the rootfs before; the command needs it clean.
        piecewise: it is no operation: each step stands for itself, and what the user sees stays as it was all along.
    """

    name: str
    args: tuple[str, ...]
    prepare: Callable[[Box], object] = lambda box: None
    busy: bool = False
    drops: bool = False
    starts_empty: bool = False
    untouched: bool = False
    piecewise: bool = False

    def __str__(self) -> str:
        return self.name


def make_rootfs(root: Path) -> None:
    """About twenty entries, with one of everything that a layer treats in a way of its own."""
    for name in ("bin", "d/s", "e", "f"):
        (root / name).mkdir(parents=True)
    for name in ("a", "d/x", "d/s/y", "d/s/z", "e/1", "e/2", "f/g", "bin/sh"):
        (root / name).write_text(f"{name}\n")
    for name in ("b", "d/linked"):
        os.link(root / "a", root / name)
    os.symlink("../a", root / "e/link")
    os.mknod(root / "f/null", 0o020666, os.makedev(1, 3))
    os.mkfifo(root / "f/fifo")
    os.setxattr(root / "bin/sh", "security.capability", _CAPABILITY)
    set_times(root)


def set_times(root: Path) -> None:
    """Gives everything below (and including) a directory the same time."""
    for place in [*root.rglob("*"), root]:
        os.utime(place, ns=(EPOCH_NS, EPOCH_NS), follow_symlinks=False)


def change(root: Path) -> None:
    """Whiteouts, an opaque directory, a needless copy-up, a broken group of hard links: all that tidying is about."""
    (root / "d/x").unlink()
    shutil.rmtree(root / "d/s")
    (root / "d/s").mkdir()
    (root / "d/s/new").write_text("new\n")
    os.chown(root / "a", 0, 0)
    shutil.rmtree(root / "e")
    (root / "e").write_text("a file in place of a directory\n")
    (root / "z").write_text("precious\n")


def make_base(box: Box) -> None:
    """A base image, a commit over it, a branch and a tag below, and uncommitted changes."""
    source = box.top / "source"
    source.mkdir(parents=True)
    make_rootfs(source)
    Repository.init(box.top)
    box.repo.import_image(str(source), message="base")
    box.repo.checkout()
    (box.root / "first").write_text("1\n")
    (box.root / "f/g").unlink()
    box.repo.commit("first")
    box.repo.create_branch("other", "HEAD~1")
    box.repo.create_tag("v1", "HEAD", message="one")
    change(box.root)


def _clean(box: Box) -> None:
    box.repo.rollback("HEAD", discard=True)


def _committed(box: Box) -> None:
    box.repo.commit("second")


def _committed_and_dirty(box: Box) -> None:
    box.repo.commit("second")
    (box.root / "z").write_text("newer\n")


def _committed_busy(box: Box) -> None:
    with open(box.root / "d/linked"):
        box.repo.commit("live")
    (box.root / "z").write_text("newer\n")


def _rolled_back(box: Box) -> None:
    box.repo.rollback()
    (box.root / "newer").write_text("newer\n")


def _with_worktree(box: Box) -> None:
    box.repo.add_worktree("w", "other")
    (box.top / "rootfs-w/precious").write_text("in w\n")


def _without_worktree(box: Box) -> None:
    _with_worktree(box)
    box.repo.remove_worktree("w", discard=True)


def _with_image(box: Box) -> None:
    first = tar_of(directory("etc"), entry("etc/one", b"1"), entry("etc/gone", b"x"), symlink("l", "etc/one"))
    second = tar_of(directory("etc"), entry("etc/.wh.gone"), entry("etc/two", b"2"))
    docker_archive(box.top / "image.tar", {("app:1.0",): [first, second]})


def _deep(box: Box) -> None:
    _clean(box)
    for number in range(_DEPTH):
        (box.root / f"n{number}").write_text(f"{number}\n")
        box.repo.commit(f"number {number}")
    box.repo.checkout("other")
    shutil.rmtree(box.dot / "layers/compacted")
    (box.dot / "layers/compacted").mkdir(mode=0o700)


def _left_behind(box: Box) -> None:
    box.repo.rollback()
    box.repo.undo()
    box.repo.commit("second")
    box.repo.rollback()
    box.repo.delete_branch("other", force=True)


def _damaged(box: Box) -> None:
    """Damage to a layer that nothing mounts."""
    box.repo.checkout("other", discard=True)
    layer = box.dot / "layers" / box.repo.show("v1")[0].commit.layer.id.hex
    (layer / "fs/first").chmod(0o600)
    (layer / "layer.json").unlink()


CASES = (
    Case("init", ("init",), starts_empty=True),
    Case("import", ("import", "source", "-m", "again", "--branch", "imported", "--tag", "v2")),
    Case("import of an image", ("import", "docker-archive:image.tar", "--branch", "imported"), _with_image),
    Case("commit", ("commit", "-m", "x")),
    Case("commit of a busy rootfs", ("commit", "-m", "x"), busy=True),
    Case("commit after a busy one", ("commit", "-m", "x"), _committed_busy),
    Case("commit of one path", ("commit", "-m", "x", "/d")),
    Case("amend", ("commit", "--amend", "-m", "x")),
    Case("checkout", ("checkout", "other"), _clean, untouched=True),
    Case("checkout --discard", ("checkout", "--discard", "other")),
    Case("checkout -b", ("checkout", "-b", "new")),
    Case("rollback", ("rollback",)),
    Case("rollback of a busy rootfs", ("rollback",), busy=True),
    Case("rollback --discard", ("rollback", "HEAD", "--discard"), drops=True),
    Case("undo of a commit", ("undo",), _committed_and_dirty),
    Case("undo of a rollback", ("undo",), _rolled_back),
    Case("undo of a worktree remove", ("undo",), _without_worktree),
    Case("op restore", ("op", "restore", "3"), _committed_and_dirty),
    Case("revert", ("revert", "HEAD"), _clean),
    Case("stash", ("stash",)),
    Case("stash pop", ("stash", "pop"), lambda box: box.repo.stash()),
    Case("worktree add", ("worktree", "add", "new")),
    Case("worktree remove", ("worktree", "remove", "w", "--discard"), _with_worktree),
    Case("tag", ("tag", "v2", "-m", "two")),
    Case("branch -d", ("branch", "-d", "other")),
    Case("config", ("config", "import.maxBytes", "5")),
    Case("gc", ("gc", "--grace", "now"), _left_behind, drops=True, piecewise=True),
    Case("fsck --repair", ("fsck", "--repair"), _damaged, piecewise=True),
    Case("compaction", ("worktree", "add", "new", "main"), _deep),
)
