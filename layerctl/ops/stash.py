"""``stash``: uncommitted changes set aside as a commit that no branch has, and brought back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from layerctl.errors import NothingToCommit, PathConflict, RefMoved, RevisionNotFound
from layerctl.model.commit import CommitDraft, ImageCommit
from layerctl.model.operation import Move, RefMove
from layerctl.model.recovery import Stash, StashResult, UnstashResult
from layerctl.ops.adopt import adopt, describe, is_noise
from layerctl.ops.container import refuse_running
from layerctl.ops.heads import keep
from layerctl.ops.rootfs import prepare_write_layer
from layerctl.ops.seal import Sealed, Selection, quieted, seal
from layerctl.ops.status import uncommitted
from layerctl.ops.switch import fill_write_layer, switch, taken_from
from layerctl.ops.view import read_view
from layerctl.snapshot.merge import merge
from layerctl.store.revisions import STASHES, stash_refs

if TYPE_CHECKING:
    from layerctl.model.ids import CommitId
    from layerctl.model.layer import LayerDescriptor
    from layerctl.ops.context import Context
    from layerctl.snapshot.compare import Comparison


def push(context: Context, message: str | None) -> StashResult:
    """See :meth:`layerctl.ops.repository.Repository.stash`.

    The write layer of an idle rootfs becomes the stash's layer, nothing is copied; an undo mounts the stash itself
    then. Of a rootfs in use what differs is copied, and the write layer is parked.
    """
    with context.changing_worktree():
        head = _head(context)
        refuse_running(context)
        with context.store.staging("stash") as staging, quieted(context, lambda: None) as quiet:
            sealed = seal(context, head.id, Selection(), quiet, staging, _check_not_empty)
            layer = describe(sealed.delta, sealed.comparison.changes, sealed.quiescence, depth=head.layer.depth + 1)
            text = _message(context, head, message)
            sealed.objects.flush()
            made = context.store.commits.write(_draft(context, head, text, sealed, layer))
            adopted = adopt(context, layer, sealed.fs, f"tmp/{staging.name}/spare")
            fresh = prepare_write_layer(context, staging, head.id)
            context.store.durability.sync_filesystem(context.layout.root)

            def moves(number: int) -> list[Move]:
                if context.head() != head.id:
                    raise RefMoved("HEAD was moved meanwhile by somebody else")
                ref = RefMove(f"{STASHES}{number}", None, made.hex, f"stash: {text}")
                return [*adopted, *keep(context, number, [made]), ref]

            number = switch(
                context,
                "stash",
                head.id,
                fresh,
                moves,
                drop=staging if sealed.consumes_write_layer else None,
                used_up=made if sealed.consumes_write_layer else None,
                in_place=sealed.fs == context.worktree.upper,
            )
    return StashResult(made, text, layer, number)


def _head(context: Context) -> ImageCommit:
    head = context.head()
    if head is None or context.worktree.record.base is None:
        raise NothingToCommit("nothing is checked out yet", hint="'layerctl checkout' mounts a commit")
    return context.store.commits.read(head)


def _check_not_empty(comparison: Comparison) -> None:
    if all(is_noise(change) for change in comparison.changes):
        raise NothingToCommit("no uncommitted changes to set aside", hint="'layerctl status' shows what there is")


def _message(context: Context, head: ImageCommit, message: str | None) -> str:
    branch = context.worktree.head.branch or "(no branch)"
    return f"On {branch}: {message}" if message else f"WIP on {branch}: {head.id.short} {head.subject}"


def _draft(context: Context, head: ImageCommit, text: str, sealed: Sealed, layer: LayerDescriptor) -> CommitDraft:
    now = datetime.now().astimezone().replace(microsecond=0)
    return CommitDraft(
        parents=(head.id,),
        author=context.author,
        date=now,
        committer=context.author,
        commit_date=now,
        message=text,
        snapshot=sealed.snapshot,
        config=context.store.commits.config(head),
        layer=layer,
    )


def bring_back(context: Context, index: int, *, drop: bool) -> UnstashResult:
    """See :meth:`layerctl.ops.repository.Repository.unstash`."""
    with context.changing_worktree():
        head = _head(context)
        refuse_running(context)
        ref, stash = _find(context, index)
        assert stash.parent is not None
        before = context.store.commits.read(stash.parent)
        view = read_view(context, tolerant=True)
        objects = view.objects
        merged = merge(objects, before.snapshot, view.snapshot, stash.snapshot)
        if merged.conflicts:
            raise PathConflict(
                f"cannot bring stash@{{{index}}} back: changed in another way meanwhile",
                paths=merged.conflicts,
                hint=f"'layerctl restore --source stash@{{{index}}} PATH' takes single paths",
            )
        base = stash if merged.snapshot == stash.snapshot else head
        with context.store.staging("stash") as staging, taken_from(context, objects, stash) as place:
            objects.flush()
            write_layer = fill_write_layer(context, staging, base, objects, merged.snapshot, place)
            context.store.durability.sync_filesystem(context.layout.root)

            def moves(number: int) -> list[Move]:
                kept = keep(context, number, [stash.id])
                return [*kept, RefMove(ref, stash.id.hex, None, "stash: dropped")] if drop else list(kept)

            number = switch(context, "stash", base.id, write_layer, moves)
        changes = uncommitted(context)
    return UnstashResult(stash.id, drop, number, changes)


def stashes(context: Context) -> list[Stash]:
    """See :meth:`layerctl.ops.repository.Repository.stashes`."""
    refs = stash_refs(context.store.git)
    return [Stash(f"stash@{{{index}}}", _commit(context, ref)) for index, ref in enumerate(refs)]


def drop(context: Context, index: int) -> CommitId:
    """See :meth:`layerctl.ops.repository.Repository.drop_stash`."""
    ref, stash = _find(context, index)
    return _forget(context, [(ref, stash.id)])[0]


def clear(context: Context) -> list[CommitId]:
    """See :meth:`layerctl.ops.repository.Repository.clear_stashes`."""
    found = [(ref, _commit(context, ref).id) for ref in stash_refs(context.store.git)]
    return _forget(context, found) if found else []


def _forget(context: Context, found: Sequence[tuple[str, CommitId]]) -> list[CommitId]:
    commits = [commit for _, commit in found]
    with context.applying() as number:
        gone = [RefMove(ref, commit.hex, None, "stash: dropped") for ref, commit in found]
        context.perform(number, "stash", [*keep(context, number, commits), *gone])
    return commits


def _find(context: Context, index: int) -> tuple[str, ImageCommit]:
    refs = stash_refs(context.store.git)
    if not 0 <= index < len(refs):
        raise RevisionNotFound(
            f"there is no stash@{{{index}}}" if refs else "nothing is stashed",
            hint="'layerctl stash list' shows what there is",
        )
    return refs[index], _commit(context, refs[index])


def _commit(context: Context, ref: str) -> ImageCommit:
    return context.store.commits.read(context.revisions.resolve(ref))
