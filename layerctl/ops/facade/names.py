"""Verbs that name commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layerctl.model import results
    from layerctl.model.ids import CommitId
    from layerctl.ops.context import Context


class Names:
    """A part of :class:`layerctl.ops.repository.Repository`."""

    _context: Context

    def tags(self) -> list[results.Tag]:
        """All tags, sorted by name."""
        from layerctl.ops.tag import tags  # noqa: PLC0415

        return tags(self._context)

    def create_tag(
        self, name: str, revision: str = "HEAD", *, message: str | None = None, force: bool = False
    ) -> results.Tag:
        """Makes a tag: lightweight, or annotated if it has a message."""
        from layerctl.ops.tag import create_tag  # noqa: PLC0415

        return create_tag(self._context, name, revision, message=message, force=force)

    def delete_tag(self, name: str) -> CommitId:
        """Deletes a tag; returns where it was."""
        from layerctl.ops.tag import delete_tag  # noqa: PLC0415

        return delete_tag(self._context, name)

    def branches(self) -> list[results.Branch]:
        """All branches, sorted by name."""
        from layerctl.ops.branch import branches  # noqa: PLC0415

        return branches(self._context)

    def create_branch(self, name: str, revision: str = "HEAD", *, force: bool = False) -> results.Branch:
        """Makes a branch."""
        from layerctl.ops.branch import create_branch  # noqa: PLC0415

        return create_branch(self._context, name, revision, force=force)

    def delete_branch(self, name: str, *, force: bool = False) -> CommitId:
        """Deletes a branch that is merged into HEAD (or, with ``force``, any); returns where it was."""
        from layerctl.ops.branch import delete_branch  # noqa: PLC0415

        return delete_branch(self._context, name, force=force)
