"""``commit``: the changes become a new commit on HEAD."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import NothingToCommit, RefMoved, UsageError
from layerctl.model.commit import Author, CommitDraft, ImageCommit
from layerctl.model.results import CommitResult
from layerctl.ops.adopt import adopt, describe, is_noise
from layerctl.ops.container import freezer
from layerctl.ops.heads import advance, keep
from layerctl.ops.hooking import hooks_of, offer_changes, offer_message
from layerctl.ops.mounting import ensure_mounted
from layerctl.ops.quiesce import rested
from layerctl.ops.rootfs import prepare_write_layer, record_move, set_aside
from layerctl.ops.seal import Sealed, Selection, quieted, seal, unseal
from layerctl.values import frozen, replace

if TYPE_CHECKING:
    from layerctl.hooks import Hooks
    from layerctl.model.config import ImageConfig
    from layerctl.model.ids import CommitId
    from layerctl.model.operation import Move
    from layerctl.model.scan import RootPath
    from layerctl.ops.context import Context
    from layerctl.snapshot.compare import Comparison


@frozen
class CommitRequest:
    """What :meth:`layerctl.ops.repository.Repository.commit` was asked for."""

    message: str | None
    amend: bool = False
    allow_empty: bool = False
    verify: bool = True
    pause: bool = True
    author: Author | None = None
    date: datetime | None = None
    changes: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    paths: tuple[RootPath, ...] = ()


def commit(context: Context, request: CommitRequest) -> CommitResult:
    """See :meth:`layerctl.ops.repository.Repository.commit`."""
    hooks = hooks_of(context)
    with context.changing_worktree():
        head = _head(context)
        if request.verify:
            offer_changes(context, hooks)
        message = _message(context, request, head, hooks)
        result = _commit(context, request, head, message)
    hooks.run("post-commit", old=head.id.hex, new=result.commit.hex)
    return result


def _head(context: Context) -> ImageCommit:
    head = context.head()
    if head is None or context.worktree.record.base is None:
        unborn = head is None
        raise NothingToCommit(
            f"nothing to commit: branch '{context.worktree.head.branch}' has no commits yet"
            if unborn
            else "nothing to commit: nothing is checked out",
            hint="'layerctl import SOURCE' makes the first" if unborn else "'layerctl checkout' mounts a commit",
        )
    return context.store.commits.read(head)


def _message(context: Context, request: CommitRequest, head: ImageCommit, hooks: Hooks) -> str:
    message = request.message
    if message is None:
        if not request.amend:
            raise UsageError("a commit needs a message", hint="use -m MESSAGE")
        message = head.message
    if request.verify:
        message = offer_message(context, hooks, message)
    if not message.strip():
        raise UsageError("the commit message is empty", hint="use -m MESSAGE")
    return message


def _commit(context: Context, request: CommitRequest, head: ImageCommit, message: str) -> CommitResult:
    selection = Selection(request.paths, request.exclude)
    if request.amend and not selection.is_everything:
        raise UsageError("--amend takes all changes", hint="leave out --exclude and PATHs")
    parent = head.parent if request.amend else head.id
    with (
        context.store.staging("commit") as staging,
        rested(context, request.verify),
        quieted(context, freezer(context, request.pause)) as quiet,
    ):
        config = _config(context, request, head)
        sealed = seal(context, parent, selection, quiet, staging, partial(_check_not_empty, context, request, config))
        draft = _draft(context, request, head, message, sealed, config or context.store.commits.config(head))
        made = _record(context, request, draft, sealed, head, staging)
        if sealed.consumes_write_layer:
            ensure_mounted(context)
        else:
            unseal(context)
    return CommitResult(made, context.worktree.head.branch, message.split("\n", 1)[0], draft.layer, not draft.parents)


def _config(context: Context, request: CommitRequest, head: ImageCommit) -> ImageConfig | None:
    """The changed image config; None if it stays as it is."""
    if not request.changes:
        return None
    config = context.store.commits.config(head)
    for change in request.changes:
        config = config.with_change(change)
    return config


def _check_not_empty(
    context: Context, request: CommitRequest, config: ImageConfig | None, comparison: Comparison
) -> None:
    if config is not None or request.allow_empty or request.amend:
        return
    if any(not is_noise(change) for change in comparison.changes):
        return
    selected = request.paths or request.exclude
    raise NothingToCommit(
        "nothing to commit" + (" at these paths" if selected else f": the rootfs equals {_name(context)}")
    )


def _name(context: Context) -> str:
    branch = context.worktree.head.branch
    return f"'{branch}'" if branch is not None else "HEAD"


def _draft(
    context: Context, request: CommitRequest, head: ImageCommit, message: str, sealed: Sealed, config: ImageConfig
) -> CommitDraft:
    now = datetime.now().astimezone().replace(microsecond=0)
    author, date = (head.author, head.date) if request.amend else (context.author, now)
    depth = head.layer.depth if request.amend else head.layer.depth + 1
    return CommitDraft(
        parents=head.parents if request.amend else (head.id,),
        author=request.author or author,
        date=request.date or date,
        committer=context.author,
        commit_date=now,
        message=message,
        snapshot=sealed.snapshot,
        config=config,
        layer=describe(sealed.delta, sealed.comparison.changes, sealed.quiescence, depth=depth),
    )


def _record(
    context: Context, request: CommitRequest, draft: CommitDraft, sealed: Sealed, head: ImageCommit, staging: Path
) -> CommitId:
    """Stores the objects, makes all of it durable, and lets the operation happen."""
    sealed.objects.flush()
    made = context.store.commits.write(draft)
    store, place = context.store, f"tmp/{staging.name}"
    moves = adopt(context, draft.layer, sealed.fs, f"{place}/spare")
    if sealed.consumes_write_layer:
        moves += _new_write_layer(context, sealed, staging, made)
    store.durability.sync_filesystem(context.layout.root)
    subject = draft.message.split("\n", 1)[0]
    with context.applying() as number:
        if context.head() != head.id:
            raise RefMoved("HEAD was moved meanwhile by somebody else")
        moves += advance(context, head.id, made, f"commit{' (amend)' if request.amend else ''}: {subject}")
        if request.amend:
            moves += keep(context, number, [head.id])
        context.perform(number, "commit", moves)
    return made


def _new_write_layer(context: Context, sealed: Sealed, staging: Path, base: CommitId) -> list[Move]:
    """The old write layer is used up; the worktree goes on with an empty one over the new commit."""
    fresh = prepare_write_layer(context, staging, base)
    old = set_aside(context, f"tmp/{staging.name}/old", keep=True)
    in_place = sealed.fs == context.worktree.upper
    record = record_move(context, replace(context.worktree.record, base=base, targets=()), keep=True)
    return [*(move for move in old if not in_place or not move.source.endswith("/upper")), *fresh, record]
