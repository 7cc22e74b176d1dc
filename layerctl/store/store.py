"""Everything that one repository keeps, put together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import AlreadyExists, NoPrivilege
from layerctl.layer.idmap import overlay_namespace
from layerctl.layer.remove import remove_tree
from layerctl.layer.xattrs import XattrNamespace, drop_inherited_acls
from layerctl.model.worktree import Head, WorktreeRecord
from layerctl.store.commits import CommitStore
from layerctl.store.durable import Durability
from layerctl.store.git import GitRepository
from layerctl.store.journal import Journal
from layerctl.store.layers import LayerStore
from layerctl.store.layout import FORMAT, Layout
from layerctl.store.locks import RepositoryLock
from layerctl.store.worktrees import DEFAULT, Worktree, record_text

if TYPE_CHECKING:
    from layerctl.model.operation import Operation

_NAMESPACE = "layerctl.namespace"
_FALSE = {"false", "no", "off", "0"}


class Store:
    """One repository's parts.

    Args:
        layout: its folders.
        holders: process ids of the commands that wait for this one, because it runs in a hook of theirs.
        user_config: Git's config files outside of the repository, the strongest first; None: those that libgit2 finds.
    """

    def __init__(self, layout: Layout, holders: Sequence[int] = (), user_config: Sequence[Path] | None = None) -> None:
        self.layout = layout
        self.holders = tuple(holders)
        self.git = GitRepository(layout.git, user_config)
        self.durability = Durability((self.git.config_get("layerctl.sync") or "true").lower() not in _FALSE)
        self.git.sync_refs = self.durability.enabled
        self.commits = CommitStore(self.git)
        self.namespace = XattrNamespace[(self.git.config_get(_NAMESPACE) or "trusted").upper()]
        self.layers = LayerStore(layout, self.git, self.commits, self.durability, self.namespace)
        self.journal = Journal(layout, self.git, self.durability)
        self.lock = RepositoryLock(layout.lock, holders=self.holders)

    def check_namespace(self) -> None:
        """Makes sure that this process reads ids and overlay marks as whoever made the repository did.

        Raises:
            NoPrivilege: the repository was made on the other side of a user namespace.
        """
        check_namespace(self.namespace)

    def recover(self) -> Operation | None:
        """Finishes what a crash interrupted."""
        if not self.journal.has_pending:
            return None
        with self.lock.apply():
            return self.journal.recover()

    @contextmanager
    def staging(self, purpose: str) -> Iterator[Path]:
        """A private folder for something being made; gone afterwards, whatever happens."""
        folder = self.layout.tmp / f"{purpose}-{os.urandom(8).hex()}"
        folder.mkdir(mode=0o700)
        drop_inherited_acls(bytes(folder))
        try:
            yield folder
        finally:
            if not self.journal.has_pending:  # what an interrupted operation still needs may be in there
                remove_tree(folder)


def check_namespace(namespace: XattrNamespace) -> None:
    """See :meth:`Store.check_namespace`."""
    if overlay_namespace() is not namespace:
        inside = namespace is XattrNamespace.USER
        raise NoPrivilege(
            f"this repository was made {'inside' if inside else 'outside'} of a user namespace: "
            "file owners would not be what they were",
            hint="run layerctl as its maker did" if inside else "run it as root, e.g. with sudo",
        )


def create_repository(layout: Layout, branch: str) -> bool:
    """Makes the folders and files of a new repository.

    Returns:
        False if there was one already; nothing was changed then.

    Raises:
        AlreadyExists: something else has that name.
    """
    if layout.format_file.is_file():
        return False
    if layout.root.exists() and not layout.root.is_dir():
        raise AlreadyExists(f"{layout.root} exists and is no directory")
    layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    drop_inherited_acls(bytes(layout.root))
    with RepositoryLock(layout.lock).apply():
        if layout.format_file.is_file():  # somebody else was faster
            return False
        _fill(layout, branch)
    return True


def _fill(layout: Layout, branch: str) -> None:
    for folder in layout.folders():
        folder.mkdir(mode=0o700, exist_ok=True)
    GitRepository.create(layout.git, branch)
    GitRepository(layout.git).config_set(_NAMESPACE, overlay_namespace().name.lower())
    worktree = Worktree(DEFAULT, layout)
    worktree.folder.mkdir(exist_ok=True)
    record = WorktreeRecord(base=None, mountpoint=str(layout.default_mountpoint))
    durability = Durability()
    durability.write(worktree.folder / "worktree.json", record_text(record, layout).encode())
    durability.write(worktree.folder / "HEAD", Head(branch=branch).to_text().encode())
    durability.sync_filesystem(layout.root)
    durability.write(layout.format_file, FORMAT.encode() + b"\n")
