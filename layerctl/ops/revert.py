"""``revert``: a new commit that takes one commit's change back."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Conflict, NothingToCommit, PathConflict, RefMoved
from layerctl.layer.build import build_layer
from layerctl.layer.xattrs import drop_inherited_acls
from layerctl.model.commit import CommitDraft, ImageCommit
from layerctl.model.configmerge import merge_config
from layerctl.model.layer import LayerDescriptor, Quiescence
from layerctl.model.recovery import RevertResult
from layerctl.ops.adopt import adopt, describe, is_noise
from layerctl.ops.container import refuse_running
from layerctl.ops.heads import advance
from layerctl.ops.hooking import hooks_of
from layerctl.ops.switch import fill_write_layer, switch, taken_from
from layerctl.ops.view import View, read_view
from layerctl.snapshot.compare import compare
from layerctl.snapshot.delta import make_delta
from layerctl.snapshot.merge import merge
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.change import Change
    from layerctl.model.config import ImageConfig
    from layerctl.model.ids import ObjectId
    from layerctl.model.operation import Move
    from layerctl.ops.context import Context


@frozen
class _Reversal:
    """What taking a commit back comes to.

    Attributes:
        reverted: the commit.
        before: its parent.
        head: what it is taken back from.
        view: the rootfs.
        snapshot: what the new commit holds.
        shown: what the rootfs shows then: ``snapshot`` with the uncommitted changes.
        config: the new commit's image config.
    """

    reverted: ImageCommit
    before: ImageCommit
    head: ImageCommit
    view: View
    snapshot: ObjectId
    shown: ObjectId
    config: ImageConfig


def revert(context: Context, revision: str, *, message: str | None, commit: bool) -> RevertResult:
    """See :meth:`layerctl.ops.repository.Repository.revert`."""
    with context.changing_worktree():
        head, reverted = _head(context), context.read(revision)
        if reverted.parent is None:
            raise Conflict(
                f"{reverted.id.short} is a base image: there is nothing before it",
                hint="'layerctl import' and 'layerctl checkout -b' begin another history",
            )
        refuse_running(context)
        what = _reversal(context, head, reverted, context.store.commits.read(reverted.parent))
        result = _commit(context, what, message) if commit else _apply(context, what)
    if result.commit is not None:
        hooks_of(context).run("post-commit", old=head.id.hex, new=result.commit.hex)
    return result


def _head(context: Context) -> ImageCommit:
    head = context.head()
    if head is None or context.worktree.record.base is None:
        raise NothingToCommit("nothing is checked out yet", hint="'layerctl checkout' mounts a commit")
    return context.store.commits.read(head)


def _reversal(context: Context, head: ImageCommit, reverted: ImageCommit, before: ImageCommit) -> _Reversal:
    view = read_view(context, tolerant=True)
    objects, commits = view.objects, context.store.commits
    merged = merge(objects, reverted.snapshot, head.snapshot, before.snapshot)
    configs = (commits.config(image) for image in (reverted, head, before))
    config, fields = merge_config(*configs)
    if merged.conflicts or fields:
        raise PathConflict(
            f"cannot take {reverted.id.short} back: changed again since then",
            paths=merged.conflicts,
            more=[f"image config {name}" for name in fields],
            hint=f"'layerctl restore --source {before.id.short} PATH' puts single paths back",
        )
    differs = any(not is_noise(change) for change in compare(objects, head.snapshot, merged.snapshot).changes)
    if not differs and config == commits.config(head):
        raise NothingToCommit(
            f"taking {reverted.id.short} back changes nothing", hint="'layerctl log' shows whether it was taken back"
        )
    shown = merge(objects, head.snapshot, view.snapshot, merged.snapshot)
    if shown.conflicts:
        raise PathConflict(
            "uncommitted changes are in the way",
            paths=shown.conflicts,
            hint="commit them, or set them aside with 'layerctl stash'",
        )
    return _Reversal(reverted, before, head, view, merged.snapshot, shown.snapshot, config)


def _apply(context: Context, what: _Reversal) -> RevertResult:
    """The change is taken back in the rootfs alone, as an uncommitted change."""
    objects, store = what.view.objects, context.store
    changes = _changes(what)
    with store.staging("revert") as staging, taken_from(context, objects, what.before) as place:
        objects.flush()
        layer = fill_write_layer(context, staging, what.head, objects, what.shown, place)
        store.durability.sync_filesystem(context.layout.root)
        number = switch(context, "revert", what.head.id, layer, lambda number: ())
    return RevertResult(what.reverted.id, None, context.worktree.head.branch, "", None, number, changes)


def _commit(context: Context, what: _Reversal, message: str | None) -> RevertResult:
    objects, store = what.view.objects, context.store
    changes = _changes(what)
    text = message or f'Revert "{what.reverted.subject}"\n\nThis reverts commit {what.reverted.id}.'
    with store.staging("revert") as staging:
        objects.flush()
        fs, layer = _build_layer(context, what, staging)
        made = store.commits.write(_draft(context, what, text, layer))
        adopted = adopt(context, layer, fs, f"tmp/{staging.name}/spare")
        with taken_from(context, objects, what.before) as place:
            write_layer = fill_write_layer(context, staging, store.commits.read(made), objects, what.shown, place)
        store.durability.sync_filesystem(context.layout.root)
        subject = text.split("\n", 1)[0]

        def moves(number: int) -> list[Move]:
            if context.head() != what.head.id:
                raise RefMoved("HEAD was moved meanwhile by somebody else")
            return [*adopted, *advance(context, what.head.id, made, f"revert: {subject}")]

        number = switch(context, "revert", made, write_layer, moves)
    return RevertResult(what.reverted.id, made, context.worktree.head.branch, subject, layer, number, changes)


def _changes(what: _Reversal) -> tuple[Change, ...]:
    found = compare(what.view.objects, what.head.snapshot, what.snapshot).changes
    return tuple(change.parsed() for change in found)


def _build_layer(context: Context, what: _Reversal, staging: Path) -> tuple[Path, LayerDescriptor]:
    objects = what.view.objects
    comparison = compare(objects, what.head.snapshot, what.snapshot)
    delta = make_delta(objects, what.snapshot, comparison)
    fs = staging / "fs"
    fs.mkdir(mode=0o700)
    drop_inherited_acls(bytes(fs))
    fd = os.open(fs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with taken_from(context, objects, what.before, what.head) as place:
            build_layer(delta, fd, place, context.namespace, context.progress)
    finally:
        os.close(fd)
    return fs, describe(delta, comparison.changes, Quiescence.SEALED, depth=what.head.layer.depth + 1)


def _draft(context: Context, what: _Reversal, message: str, layer: LayerDescriptor) -> CommitDraft:
    now = datetime.now().astimezone().replace(microsecond=0)
    return CommitDraft(
        parents=(what.head.id,),
        author=context.author,
        date=now,
        committer=context.author,
        commit_date=now,
        message=message,
        snapshot=what.snapshot,
        config=what.config,
        layer=layer,
    )
