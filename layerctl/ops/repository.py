"""The public face of a repository: every verb a method.

Each method's work is in the module of its name, loaded when first needed: a command must not pay for other verbs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from layerctl.model.progress import Progress, silent
from layerctl.ops.context import Context
from layerctl.ops.facade.history import History
from layerctl.ops.facade.names import Names
from layerctl.ops.facade.recovery import Recovery
from layerctl.ops.facade.upkeep import Upkeep

if TYPE_CHECKING:
    from layerctl.model import results
    from layerctl.model.commit import Author
    from layerctl.model.scan import RootPath
    from layerctl.ops.run import RunRequest
    from layerctl.runtime import RunResult


class Repository(History, Names, Recovery, Upkeep):
    """A layerctl repository, seen from one of its worktrees.

    Every method may raise any :class:`layerctl.errors.LayerctlError`; what it says is meant for people. Instances are
    cheap, keep no lock between calls and must not be shared between threads.

    Args:
        context: made by :meth:`open` or :meth:`init`.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    @classmethod
    def init(cls, directory: Path, *, branch: str = "main", author: Author | None = None) -> Repository:
        """Makes a repository in a directory (created if missing); harmless if there is one already.

        Args:
            directory: where ``.layerctl`` shall be.
            branch: the name of the first branch.
            author: who makes commits and operations through this instance.
        """
        from layerctl.ops.init import init  # noqa: PLC0415

        return cls(init(directory, branch=branch, author=author))

    @classmethod
    def open(
        cls,
        start: Path,
        *,
        worktree: str | None = None,
        author: Author | None = None,
        progress: Progress = silent,
        search_path: str | None = None,
        command: str = "",
        say: Callable[[str, str], None] = lambda name, text: None,
        holders: Sequence[int] = (),
        git_config: Sequence[Path] | None = None,
    ) -> Repository:
        """Opens the repository of a directory, and finishes whatever a crash interrupted.

        Args:
            start: a directory in or below the repository's; the search goes upward as Git's.
            worktree: the worktree to work on; by default the one mounted around ``start``, else ``default``.
            author: who makes commits and operations; by default from Git's config.
            progress: told how far long work is.
            search_path: ``PATH`` for OCI runtimes and hooks; the system's default if None.
            command: what the user typed, for the operation log.
            say: is given the output of hooks: a hook's name and the text.
            holders: inside of a hook: process ids of the commands that wait for it, from ``LAYERCTL_HOLDERS``.
            git_config: Git's config files outside of the repository, the strongest first; by default libgit2 looks for
                them, which takes longer.

        Raises:
            layerctl.errors.RepositoryNotFound: there is none.
        """
        from layerctl.ops.leftovers import clean_up  # noqa: PLC0415

        context = Context.open(
            start,
            worktree=worktree,
            author=author,
            progress=progress,
            search_path=search_path,
            command=command,
            say=say,
            holders=holders,
            git_config=git_config,
        )
        clean_up(context)
        return cls(context)

    @property
    def path(self) -> Path:
        """The ``.layerctl`` folder."""
        return self._context.layout.root

    @property
    def worktree(self) -> str:
        """The name of the worktree that methods work on."""
        return self._context.worktree.name

    @property
    def mountpoint(self) -> Path:
        """Where that worktree is mounted."""
        return self._context.worktree.mountpoint

    def import_image(
        self,
        source: str,
        *,
        message: str | None = None,
        branch: str | None = None,
        tag: str | None = None,
        changes: Sequence[str] = (),
        platform: str | None = None,
        stdin: BinaryIO | None = None,
    ) -> results.ImportResult:
        """Imports a directory, an archive or an image as new commits without a parent.

        Args:
            source: a directory, a tar file, ``-``, or ``oci:``, ``oci-archive:``, ``docker-archive:`` with a path.
            message: commit message of the last commit.
            branch: a new branch for it; needed unless the current branch is unborn.
            tag: a tag for it.
            changes: Dockerfile instructions for its config.
            platform: ``os/arch[/variant]`` to pick from an index; this machine's by default.
            stdin: where ``-`` reads.
        """
        from layerctl.ops.import_image import import_image  # noqa: PLC0415

        return import_image(
            self._context,
            source,
            message=message,
            branch=branch,
            tag=tag,
            changes=changes,
            platform=platform,
            stdin=stdin,
        )

    def checkout(
        self,
        revision: str | None = None,
        *,
        new_branch: str | None = None,
        at: Path | None = None,
        detach: bool = False,
        discard: bool = False,
        read_only: bool = False,
        volatile: bool = False,
    ) -> results.CheckoutResult:
        """Mounts a commit with a fresh write layer.

        Args:
            revision: a branch (HEAD follows it) or any revision (HEAD is detached); None is HEAD.
            new_branch: make this branch at the revision and check it out.
            at: mount here from now on.
            detach: detach HEAD even if a branch is named.
            discard: park uncommitted changes instead of refusing.
            read_only: mount without a write layer.
            volatile: never sync the write layer; a power cut loses it.
        """
        from layerctl.ops.checkout import checkout  # noqa: PLC0415

        return checkout(
            self._context,
            revision,
            new_branch=new_branch,
            at=at,
            detach=detach,
            discard=discard,
            read_only=read_only,
            volatile=volatile,
        )

    def add_worktree(
        self, name: str, revision: str | None = None, *, at: Path | None = None, detach: bool = False
    ) -> results.CheckoutResult:
        """Makes and mounts another worktree (a branch of its name from HEAD, unless a revision is named)."""
        from layerctl.ops.worktree import add_worktree  # noqa: PLC0415

        return add_worktree(self._context, name, revision, at=at, detach=detach)

    def list_worktrees(self) -> list[results.WorktreeInfo]:
        """All worktrees, sorted by name."""
        from layerctl.ops.worktree import list_worktrees  # noqa: PLC0415

        return list_worktrees(self._context)

    def remove_worktree(self, name: str, *, discard: bool = False) -> int | None:
        """Unmounts and removes a worktree; its write layer is parked. Returns the number of the operation."""
        from layerctl.ops.worktree import remove_worktree  # noqa: PLC0415

        return remove_worktree(self._context, name, discard=discard)

    def status(self) -> results.Status:
        """What differs from HEAD."""
        from layerctl.ops.status import status  # noqa: PLC0415

        return status(self._context)

    def commit(
        self,
        message: str | None,
        *,
        amend: bool = False,
        allow_empty: bool = False,
        verify: bool = True,
        pause: bool = True,
        author: Author | None = None,
        date: datetime | None = None,
        changes: Sequence[str] = (),
        exclude: Sequence[str] = (),
        paths: Sequence[RootPath] = (),
    ) -> results.CommitResult:
        """Records the changes as a new commit on HEAD.

        Args:
            message: may be None only with ``amend``, which keeps the old one then.
            amend: replace HEAD's commit instead of adding one.
            allow_empty: commit even if nothing changed.
            verify: run ``pre-commit``, ``commit-msg``, and a running container's ``quiesce`` and ``thaw``.
            pause: freeze a running container while its changes are copied.
            author: who made the change, if not who commits.
            date: author date, timezone-aware; now by default.
            changes: Dockerfile instructions for the config.
            exclude: globs of paths to leave out.
            paths: commit only what is at or below these; the rest stays uncommitted.
        """
        from layerctl.ops.commit import CommitRequest, commit  # noqa: PLC0415

        request = CommitRequest(
            message=message,
            amend=amend,
            allow_empty=allow_empty,
            verify=verify,
            pause=pause,
            author=author,
            date=date,
            changes=tuple(changes),
            exclude=tuple(exclude),
            paths=tuple(paths),
        )
        return commit(self._context, request)

    def rollback(
        self, revision: str | None = None, *, count: int = 1, discard: bool = False, stop: bool = False
    ) -> results.RollbackResult:
        """Goes back to an ancestor; the write layer is parked, or dropped with ``discard``.

        Args:
            revision: an ancestor of HEAD, or HEAD itself to drop uncommitted changes alone.
            count: without a revision: so many first parents back.
            discard: drop the write layer instead of parking it.
            stop: stop a container that runs in the worktree.
        """
        from layerctl.ops.rollback import rollback  # noqa: PLC0415

        return rollback(self._context, revision, count=count, discard=discard, stop=stop)

    def undo(self) -> results.UndoResult:
        """Takes the last operation back."""
        from layerctl.ops.undo import undo  # noqa: PLC0415

        return undo(self._context)

    def restore_operation(self, number: int) -> results.RestoreOperationResult:
        """Goes to the state right after an operation; 0 is the state straight after ``init``.

        It is an operation itself, so :meth:`undo` takes it back.
        """
        from layerctl.ops.restore_operation import restore_operation  # noqa: PLC0415

        return restore_operation(self._context, number)

    def run(self, request: RunRequest, *, capture_output: bool = False) -> RunResult:
        """Runs a command in a container on the rootfs, in the foreground.

        Args:
            request: what to run.
            capture_output: the result has the command's output and error output (of each the first 16 MiB) instead of
                the caller's; its input is empty unless the request's ``stdio`` names one.
        """
        from layerctl.ops.run import run  # noqa: PLC0415

        return run(self._context, request, capture_output=capture_output)
