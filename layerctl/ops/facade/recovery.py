"""Verbs that get back what was there before, and try what may not stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layerctl.model import recovery as results
    from layerctl.model.bisection import Bisection, Mark
    from layerctl.model.ids import CommitId
    from layerctl.model.scan import RootPath
    from layerctl.ops.context import Context
    from layerctl.ops.run import RunRequest


class Recovery:
    """A part of :class:`layerctl.ops.repository.Repository`."""

    _context: Context

    def restore(self, paths: Sequence[RootPath], source: str | None = None) -> results.RestoreResult:
        """Makes paths of the rootfs what they are in a commit (HEAD by default), while it is in use.

        Args:
            paths: files or directories; what the commit does not have is deleted, the empty path is everything.
            source: a revision.
        """
        from layerctl.ops.restore import restore  # noqa: PLC0415

        return restore(self._context, paths, source)

    def revert(self, revision: str, *, message: str | None = None, commit: bool = True) -> results.RevertResult:
        """Takes one commit's change back, on top of HEAD.

        Args:
            revision: the commit; what it changed against its first parent is taken back.
            message: the new commit's message, if not Git's.
            commit: False leaves the change uncommitted.

        Raises:
            layerctl.errors.PathConflict: what it changed was changed again, or is changed and not committed.
        """
        from layerctl.ops.revert import revert  # noqa: PLC0415

        return revert(self._context, revision, message=message, commit=commit)

    def stash(self, message: str | None = None) -> results.StashResult:
        """Sets the uncommitted changes aside and leaves a clean rootfs.

        Raises:
            layerctl.errors.NothingToCommit: there are none.
        """
        from layerctl.ops.stash import push  # noqa: PLC0415

        return push(self._context, message)

    def unstash(self, index: int = 0, *, drop: bool = True) -> results.UnstashResult:
        """Brings changes back that were set aside, on top of the rootfs as it is.

        Args:
            index: which of them; 0 is the newest.
            drop: forget them afterwards.

        Raises:
            layerctl.errors.PathConflict: paths were changed since, in another way; nothing is done.
        """
        from layerctl.ops.stash import bring_back  # noqa: PLC0415

        return bring_back(self._context, index, drop=drop)

    def stashes(self) -> list[results.Stash]:
        """What is set aside, newest first."""
        from layerctl.ops.stash import stashes  # noqa: PLC0415

        return stashes(self._context)

    def drop_stash(self, index: int = 0) -> CommitId:
        """Forgets changes that were set aside; returns their commit."""
        from layerctl.ops.stash import drop  # noqa: PLC0415

        return drop(self._context, index)

    def clear_stashes(self) -> list[CommitId]:
        """Forgets all of them, in one operation; returns their commits, newest first."""
        from layerctl.ops.stash import clear  # noqa: PLC0415

        return clear(self._context)

    def bisect_start(
        self, bad: str | None = None, good: Sequence[str] = (), *, checkout: bool = True
    ) -> results.BisectResult:
        """Begins a search for the first bad commit; all of it is remembered in the repository.

        Args:
            bad: a commit in which it is broken.
            good: commits in which it works.
            checkout: check candidates out; what is uncommitted after a test is parked.
        """
        from layerctl.ops.bisect import start  # noqa: PLC0415

        return start(self._context, bad, good, checkout=checkout)

    def bisect_mark(self, mark: Mark, revisions: Sequence[str] = ()) -> results.BisectResult:
        """Says what is known of commits (by default the one that is tested), and goes on."""
        from layerctl.ops.bisect import mark as mark_commits  # noqa: PLC0415

        return mark_commits(self._context, mark, revisions)

    def bisect_run(
        self, request: RunRequest, report: Callable[[results.BisectTest], None] = lambda test: None
    ) -> results.BisectResult:
        """Tests candidates with a command, each in a throwaway rootfs, until the first bad commit is found.

        Args:
            request: the command; its ``revision`` does not count.
            report: told of each test.
        """
        from layerctl.ops.bisect import run_tests  # noqa: PLC0415

        return run_tests(self._context, request, report)

    def bisect_log(self) -> Bisection:
        """What was said so far."""
        from layerctl.ops.bisect import marks  # noqa: PLC0415

        return marks(self._context)

    def bisect_reset(self) -> CommitId:
        """Ends the search, and goes back to where it began; returns the commit."""
        from layerctl.ops.bisect import reset  # noqa: PLC0415

        return reset(self._context)

    def try_command(self, request: RunRequest, decide: Callable[[results.Trial], str | None]) -> results.Trial:
        """Runs a command on a copy of the rootfs as it is, and commits what comes of it, or drops it.

        Args:
            request: the command; its ``revision`` does not count.
            decide: is shown what came of it; returns the message of the commit, or None to drop it.
        """
        from layerctl.ops.try_ import try_command  # noqa: PLC0415

        return try_command(self._context, request, decide)
