"""``log``: commits, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from layerctl.errors import RevisionNotFound
from layerctl.model.results import LogEntry

if TYPE_CHECKING:
    from layerctl.model.commit import ImageCommit
    from layerctl.model.ids import CommitId
    from layerctl.model.scan import RootPath
    from layerctl.ops.context import Context

_HEADS = "refs/heads/"
_TAGS = "refs/tags/"


def log(
    context: Context,
    revisions: Sequence[str] = (),
    *,
    limit: int | None = None,
    everything: bool = False,
    paths: Sequence[RootPath] = (),
) -> Iterator[LogEntry]:
    """See :meth:`layerctl.ops.repository.Repository.log`."""
    starts, hidden = _ends(context, revisions, everything)
    names = decorations(context)
    found = _found(context, starts, hidden, paths)
    entries = (LogEntry(commit, names.get(commit.id, ())) for commit in found)
    return islice(entries, limit) if limit is not None and limit >= 0 else entries


def decorations(context: Context) -> dict[CommitId, tuple[str, ...]]:
    """The names that point at each commit, HEAD first, as ``git log --decorate`` shows them."""
    names: dict[CommitId, list[str]] = {}
    head, branch = context.head(), context.worktree.head.branch
    if head is not None:
        names[head] = [f"HEAD -> {branch}" if branch is not None else "HEAD"]
    for ref in context.store.git.refs():
        if ref == f"{_HEADS}{branch}":
            continue
        if ref.startswith(_HEADS):
            names.setdefault(context.revisions.resolve(ref), []).append(ref.removeprefix(_HEADS))
        elif ref.startswith(_TAGS):
            names.setdefault(context.revisions.resolve(ref), []).append(f"tag: {ref.removeprefix(_TAGS)}")
    return {commit: tuple(found) for commit, found in names.items()}


def _ends(context: Context, revisions: Sequence[str], everything: bool) -> tuple[list[CommitId], list[CommitId]]:
    starts: list[CommitId] = []
    hidden: list[CommitId] = []
    if everything:
        refs = context.store.git.refs()
        starts += [context.revisions.resolve(ref) for ref in refs if ref.startswith((_HEADS, _TAGS))]
        head = context.head()
        starts += [head] if head is not None else []
    elif not revisions:
        starts.append(_head(context))
    for revision in revisions:
        _add(context, revision, starts, hidden)
    return starts, hidden


def _head(context: Context) -> CommitId:
    head = context.head()
    if head is None:
        raise RevisionNotFound(
            f"branch '{context.worktree.head.branch}' has no commits yet",
            hint="'layerctl import SOURCE' makes the first",
        )
    return head


def _add(context: Context, revision: str, starts: list[CommitId], hidden: list[CommitId]) -> None:
    resolve = context.revisions.resolve
    if "..." in revision:
        left, _, right = revision.partition("...")
        ends = [resolve(left or "HEAD"), resolve(right or "HEAD")]
        starts += ends
        base = context.store.git.merge_base(*ends)
        hidden += [base] if base is not None else []
    elif ".." in revision:
        left, _, right = revision.partition("..")
        hidden.append(resolve(left or "HEAD"))
        starts.append(resolve(right or "HEAD"))
    elif revision.startswith("^"):
        hidden.append(resolve(revision[1:]))
    else:
        starts.append(resolve(revision))


def _found(
    context: Context,
    starts: list[CommitId],
    hidden: list[CommitId],
    paths: Sequence[RootPath],
) -> Iterator[ImageCommit]:
    if not paths:
        return map(context.store.commits.read, context.store.git.walk(starts, hidden))
    from layerctl.ops.history import touching  # noqa: PLC0415 - only the history of a path needs it

    return map(context.store.commits.read, touching(context, starts, hidden, paths))
