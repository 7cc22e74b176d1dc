"""Verbs that look at commits, and at the rootfs beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layerctl.model import results
    from layerctl.model.blame import Blame
    from layerctl.model.commit import ImageCommit
    from layerctl.model.config import ImageConfig
    from layerctl.model.configdiff import ConfigChange
    from layerctl.model.ids import CommitId
    from layerctl.model.operation import Operation
    from layerctl.model.packages import PackageDiff
    from layerctl.model.scan import RootPath
    from layerctl.model.search import FoundFile, Query
    from layerctl.ops.context import Context


class History:
    """A part of :class:`layerctl.ops.repository.Repository`."""

    _context: Context

    def log(
        self,
        revisions: Sequence[str] = (),
        *,
        limit: int | None = None,
        everything: bool = False,
        paths: Sequence[RootPath] = (),
    ) -> Iterator[results.LogEntry]:
        """Commits, newest first, and no parent before all of its children.

        Args:
            revisions: revisions and ranges (``a..b``, ``^a``); HEAD by default.
            limit: at most so many; all, as Git has it, if it is negative.
            everything: start from all branches and tags and from HEAD.
            paths: only commits that change something at or below these.
        """
        from layerctl.ops.log import log  # noqa: PLC0415

        return log(self._context, revisions, limit=limit, everything=everything, paths=paths)

    def resolve(self, revision: str) -> CommitId:
        """The commit that a revision names."""
        return self._context.revisions.resolve(revision)

    def show(self, revision: str = "HEAD") -> tuple[results.LogEntry, results.Diff]:
        """A commit and its change against its first parent."""
        from layerctl.ops.show import show_commit  # noqa: PLC0415

        return show_commit(self._context, revision)

    def show_path(self, revision: str, path: RootPath) -> results.PathView:
        """One path of a commit."""
        from layerctl.ops.show import show_path  # noqa: PLC0415

        return show_path(self._context, revision, path)

    def blame(self, path: RootPath, revision: str = "HEAD") -> Blame:
        """Which commit last changed each entry of a directory, or each line of a text file.

        Raises:
            PathNotFound: the commit does not have it.
            Declined: a file that is binary, or too large.
        """
        from layerctl.ops.blame import blame  # noqa: PLC0415

        return blame(self._context, path, revision)

    def grep(
        self, query: Query, revision: str | None = None, *, paths: Sequence[RootPath] = ()
    ) -> tuple[CommitId | None, Iterator[FoundFile]]:
        """Searches the regular files of a commit, or (None) of the rootfs as it is.

        Args:
            query: what to look for.
            revision: a commit.
            paths: only files at or below these.

        Returns:
            The commit, and the files that match, sorted by path; each is searched when it is asked for.

        Raises:
            UsageError: a pattern is no regular expression.
            PathNotFound: one of the paths does not exist.
        """
        from layerctl.ops.grep import grep  # noqa: PLC0415

        return grep(self._context, query, revision, paths=paths)

    def image_config(self, commit: ImageCommit) -> ImageConfig:
        """The OCI image config of a commit."""
        return self._context.store.commits.config(commit)

    def diff(self, old: str | None = None, new: str | None = None, *, paths: Sequence[RootPath] = ()) -> results.Diff:
        """Compares two commits, or (``new`` None) the rootfs with a commit (HEAD by default)."""
        from layerctl.ops.diff import diff  # noqa: PLC0415

        return diff(self._context, old, new, paths=paths)

    def package_changes(self, difference: results.Diff) -> PackageDiff:
        """What a diff means for installed packages; reads only the databases that differ.

        Args:
            difference: as :meth:`diff` or :meth:`show` gives it.
        """
        from layerctl.ops.packages.compare import package_changes  # noqa: PLC0415

        return package_changes(self._context, difference)

    def config_changes(self, difference: results.Diff) -> tuple[ConfigChange, ...]:
        """What differs between the image configs of a diff's two sides; the rootfs has HEAD's."""
        from layerctl.ops.diff import config_changes  # noqa: PLC0415

        return config_changes(self._context, difference)

    def read_content(self, commit: CommitId | None, path: RootPath, limit: int) -> bytes | None:
        """The first ``limit`` bytes of a regular file in a commit (None: in the rootfs); None if it is none."""
        from layerctl.ops.diff import read_content  # noqa: PLC0415

        return read_content(self._context, commit, path, limit)

    def reflog(self, ref: str = "HEAD") -> list[results.ReflogLine]:
        """Where a ref has been, newest first."""
        from layerctl.ops.reflog import reflog  # noqa: PLC0415

        return reflog(self._context, ref)

    def operations(self) -> Iterator[Operation]:
        """The operation log, newest first."""
        from layerctl.ops.undo import operations  # noqa: PLC0415

        return operations(self._context)
