"""``reflog``: where a ref has been."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.errors import RefNotFound
from layerctl.model.ids import CommitId
from layerctl.model.results import ReflogLine
from layerctl.store.revisions import head_ref

if TYPE_CHECKING:
    from layerctl.ops.context import Context


def reflog(context: Context, ref: str) -> list[ReflogLine]:
    """See :meth:`layerctl.ops.repository.Repository.reflog`."""
    lines = context.store.git.reflog(_full_name(context, ref))
    return [
        ReflogLine(f"{ref}@{{{index}}}", CommitId(line.new) if line.new else None, line.message, line.author, line.date)
        for index, line in enumerate(lines)
    ]


def _full_name(context: Context, ref: str) -> str:
    if ref in ("HEAD", "@"):
        candidates = [head_ref(context.worktree.name)]
    else:
        candidates = [ref, f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/{ref}"]
    for name in candidates:
        if name.startswith("refs/") and context.store.git.ref(name) is not None:
            return name
    raise RefNotFound(f"no ref is called '{ref}'", hint="'layerctl branch' and 'layerctl tag' list them")
