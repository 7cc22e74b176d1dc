"""What every verb works with: an open repository, seen from one worktree."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import WorktreeNotFound
from layerctl.model.commit import Author, ImageCommit
from layerctl.model.operation import Move, Operation
from layerctl.model.progress import Progress, silent
from layerctl.store.layout import Layout, find_repository
from layerctl.store.locks import worktree_lock
from layerctl.store.revisions import Revisions
from layerctl.store.store import Store
from layerctl.store.worktrees import Worktree, check_name, find_worktree
from layerctl.values import frozen, replace

if TYPE_CHECKING:
    from layerctl.layer.xattrs import XattrNamespace
    from layerctl.model.ids import CommitId

_NOBODY = Author("layerctl", "layerctl@localhost")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@frozen
class Context:
    """An open repository.

    Attributes:
        store: what it keeps.
        worktree: the one that verbs work on.
        author: who acts.
        progress: told how far long work is.
        search_path: where programs are found.
        command: what the user typed, for the operation log.
        say: is given the output of hooks: a hook's name and the text.
    """

    store: Store
    worktree: Worktree
    author: Author
    progress: Progress = silent
    search_path: str = _DEFAULT_PATH
    command: str = ""
    say: Callable[[str, str], None] = lambda name, text: None

    @classmethod
    def open(
        cls,
        start: Path,
        *,
        worktree: str | None,
        author: Author | None,
        progress: Progress,
        search_path: str | None,
        command: str,
        say: Callable[[str, str], None] = lambda name, text: None,
        holders: Sequence[int] = (),
        git_config: Sequence[Path] | None = None,
    ) -> Context:
        """See :meth:`layerctl.ops.repository.Repository.open`."""
        start = Path(os.path.abspath(start))  # what is found must hold wherever the process goes
        layout = find_repository(start)
        store = Store(layout, holders, git_config)
        store.recover()
        if worktree is not None:
            check_name(worktree)
        chosen = Worktree(worktree, layout) if worktree is not None else find_worktree(layout, start)
        if not chosen.exists:
            raise WorktreeNotFound(f"no worktree is called '{chosen.name}'")
        who = author or _configured_author(store)
        return cls(store, chosen, who, progress, search_path or _DEFAULT_PATH, command, say=say)

    @property
    def layout(self) -> Layout:
        """The repository's folders."""
        return self.store.layout

    @property
    def namespace(self) -> XattrNamespace:
        """Where overlay mounts of this repository keep their marks."""
        return self.store.namespace

    @property
    def revisions(self) -> Revisions:
        """Resolves revisions for the worktree as it is now."""
        return Revisions(self.store.git, self.worktree.name, self.worktree.head)

    def head(self) -> CommitId | None:
        """The commit of HEAD; None on an unborn branch."""
        return self.revisions.head_commit()

    def read(self, revision: str) -> ImageCommit:
        """The commit that a revision names."""
        return self.store.commits.read(self.revisions.resolve(revision))

    def for_worktree(self, worktree: Worktree) -> Context:
        """The same repository, seen from another worktree."""
        return replace(self, worktree=worktree)

    @contextmanager
    def changing_worktree(self) -> Iterator[None]:
        """Held by verbs that change the worktree; keeps others and gc away."""
        self.store.check_namespace()
        with (
            self.store.lock.in_use(),
            worktree_lock(self.worktree.lock, self.worktree.name, holders=self.store.holders),
        ):
            yield

    @contextmanager
    def applying(self) -> Iterator[int]:
        """Holds the repository for the short moment of an operation; gives the operation's number."""
        with self.store.lock.apply():
            self.store.journal.recover()
            yield self.store.journal.next_number()

    def perform(
        self,
        number: int,
        verb: str,
        moves: Sequence[Move],
        *,
        description: str = "",
        undoes: int | None = None,
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        """Makes an operation happen, if the hook that is asked does not refuse; only inside :meth:`applying`.

        Args:
            number: from :meth:`applying`.
            verb: for the operation log.
            moves: what it does.
            description: for people; by default what the user typed.
            undoes: the operation that it takes back, if there is one.
            ready: called when nothing stands against it any more.
        """
        from layerctl.ops.hooking import transaction  # noqa: PLC0415 - which needs this module

        operation = Operation(
            number=number,
            time=datetime.now().astimezone(),
            author=f"{self.author.name} <{self.author.email}>",
            verb=verb,
            description=description or self.command or verb,
            moves=tuple(moves),
            undoes=undoes,
        )
        self.store.journal.check(operation)
        with transaction(self, operation):
            ready()
            self.store.journal.perform(operation)


def _configured_author(store: Store) -> Author:
    name, email = store.git.config_get("user.name"), store.git.config_get("user.email")
    return Author(name or _NOBODY.name, email or _NOBODY.email)
