"""A repository driven through the library."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from layerctl import Author, Repository
from layerctl.store.layout import Layout
from layerctl.store.store import Store
from tests.oracle import Listing, assert_same, listing
from tests.property.stored import assert_layer_is_canonical
from tests.support.mounts import unmount_below

AUTHOR = Author("Tester", "t@example.com")


@dataclass(frozen=True)
class Box:
    """A repository in ``top/r``, mounted at ``top/r/rootfs``; syncing is off."""

    top: Path

    @property
    def home(self) -> Path:
        return self.top / "r"

    @property
    def repo(self) -> Repository:
        """A fresh instance, as the next command would make one."""
        return Repository.open(self.home, author=AUTHOR)

    @property
    def root(self) -> Path:
        return self.home / "rootfs"

    @property
    def layout(self) -> Layout:
        return Layout(self.home / ".layerctl")

    @property
    def store(self) -> Store:
        return Store(self.layout)

    @property
    def upper(self) -> Path:
        return self.layout.worktrees / "default/upper"

    def base(self, make: Callable[[Path], object] = lambda source: None) -> Listing:
        """Imports what ``make`` puts into a folder, and checks it out."""
        source = self.top / "source"
        source.mkdir()
        make(source)
        Repository.init(self.home).set_config("layerctl.sync", "false")
        self.repo.import_image(str(source), message="base")
        self.repo.checkout()
        return listing(source)

    def elsewhere(self, revision: str = "HEAD") -> Path:
        """A second worktree that shows a commit; made once."""
        commit = str(self.repo.resolve(revision))
        if not (self.layout.worktrees / "elsewhere").exists():
            return Path(self.repo.add_worktree("elsewhere", commit, detach=True).mountpoint)
        other = Repository.open(self.home, worktree="elsewhere", author=AUTHOR)
        return Path(other.checkout(commit, detach=True).mountpoint)

    def commit(self, message: str = "change", **options: object) -> str:
        """Commits, and fails unless the commit shows elsewhere what was there, and its layer is what it must be."""
        before, head = listing(self.root), listing(self.elsewhere())
        if options.get("amend"):
            head = listing(self.elsewhere("HEAD~1")) if self.repo.show()[0].commit.parent else None
        made = self.repo.commit(message, **options)  # type: ignore[arg-type]
        assert_same(before, self.root)
        assert_same(before, self.elsewhere(str(made.commit)))
        assert self.repo.status().changes == ()
        assert_layer_is_canonical(self.layout.root, self.repo.show()[0].commit, head)
        return str(made.commit)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    os.umask(0o022)
    yield Box(tmp_path)
    unmount_below(tmp_path)
    subprocess.run(["rm", "-rf", *tmp_path.iterdir()], check=True)  # pytest cannot delete what is very deep
