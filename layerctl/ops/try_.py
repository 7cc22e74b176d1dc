"""``try``: a command on a copy of the rootfs as it is; what comes of it is committed, or dropped.

The worktree's own rootfs is not touched until the commit: whatever happens before, it is as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Busy, Conflict, NoPrivilege, NothingToCommit, RefMoved
from layerctl.layer.build import CopyPlacer, LinkPlacer, build_layer
from layerctl.layer.metadata import apply_root_metadata
from layerctl.layer.scan import LayerScanner
from layerctl.layer.xattrs import XattrNamespace, drop_inherited_acls
from layerctl.model.commit import CommitDraft, ImageCommit
from layerctl.model.layer import LayerDescriptor, Quiescence
from layerctl.model.listing import parse_entry
from layerctl.model.recovery import Trial
from layerctl.mount.overlay import OverlaySpec
from layerctl.mount.worktree import WorktreeMount
from layerctl.ops.adopt import adopt, describe, is_noise
from layerctl.ops.container import refuse_running, runtime_of
from layerctl.ops.heads import advance
from layerctl.ops.hooking import hooks_of, lines_of, offer_message
from layerctl.ops.mounting import becomes_free
from layerctl.ops.rootfs import open_upper, prepare_write_layer
from layerctl.ops.run import RunRequest, run_in
from layerctl.ops.switch import switch
from layerctl.ops.view import View, forget, read_view, untouched_targets
from layerctl.snapshot.apply import apply_scan
from layerctl.snapshot.compare import compare
from layerctl.snapshot.delta import make_delta
from layerctl.snapshot.walk import entry_text
from layerctl.values import frozen, replace

if TYPE_CHECKING:
    from layerctl.model.ids import CommitId, ObjectId
    from layerctl.model.operation import Move
    from layerctl.ops.context import Context


@frozen
class _Copy:
    """A rootfs like the worktree's, mounted for a while.

    Attributes:
        head: the commit of HEAD.
        base: the commit that the worktree's write layer lies on.
        view: what the worktree shows.
        staging: holds ``below``, what is not committed; ``upper``, what the command changes; and the mount.
    """

    head: ImageCommit
    base: ImageCommit
    view: View
    staging: Path

    @property
    def rootfs(self) -> Path:
        """Where it is mounted."""
        return self.staging / "rootfs"


def try_command(context: Context, request: RunRequest, decide: Callable[[Trial], str | None]) -> Trial:
    """See :meth:`layerctl.ops.repository.Repository.try_command`."""
    if os.geteuid() != 0:
        raise NoPrivilege("running a container needs root")
    runtime_of(context)
    hooks = hooks_of(context)
    with context.changing_worktree(), context.store.staging("try") as staging:
        refuse_running(context)
        copy = _copy(context, staging)
        with _mounted(context, copy):
            result, targets = run_in(context, request, copy.rootfs, copy.head)
            after = _shown(context, copy, targets)
            found = compare(copy.view.objects, copy.view.snapshot, after).changes
            trial = Trial(result.status, result.failure, result.hint, tuple(change.parsed() for change in found))
            message = decide(trial)
            if message is None or all(is_noise(change) for change in found):
                return trial
            _offer(context, copy, after)
            message = offer_message(context, hooks, message)
        number, made = _commit(context, copy, _shown(context, copy, targets), message)
    hooks.run("post-commit", old=copy.head.id.hex, new=made.hex)
    return replace(trial, commit=made, branch=context.worktree.head.branch, operation=number)


def _offer(context: Context, copy: _Copy, after: ObjectId) -> None:
    """Lets ``pre-commit`` see the candidate as its rootfs."""
    changes = compare(copy.view.objects, copy.head.snapshot, after).changes
    lines = lines_of(change.parsed() for change in changes)
    hooks_of(context, copy.rootfs).run("pre-commit", stdin=lines, old=copy.head.id.hex)


def _copy(context: Context, staging: Path) -> _Copy:
    head, base = context.head(), context.worktree.record.base
    if head is None or base is None:
        raise NothingToCommit("nothing is checked out yet", hint="'layerctl checkout' mounts a commit")
    commits = context.store.commits
    return _Copy(commits.read(head), commits.read(base), read_view(context, tolerant=True), staging)


@contextmanager
def _mounted(context: Context, copy: _Copy) -> Iterator[None]:
    """Mounts it: the base's layers, a copy of what is not committed, and an empty write layer."""
    lower = context.store.layers.stack(copy.base.id, context.progress)
    if copy.view.snapshot != copy.base.snapshot:
        lower = (_copy_uncommitted(context, copy), *lower)
    prepare_write_layer(context, copy.staging, copy.base.id)
    text = entry_text(copy.view.objects, copy.view.snapshot, b"")
    assert text is not None
    with _opened(copy.staging / "upper") as fd:
        apply_root_metadata(fd, parse_entry(text), context.namespace)
    mount = WorktreeMount(copy.rootfs)
    userxattr = context.namespace is XattrNamespace.USER
    mount.attach(OverlaySpec(lower, copy.staging / "upper", copy.staging / "work", userxattr=userxattr))
    try:
        yield
    finally:
        mount.detach_now()


def _copy_uncommitted(context: Context, copy: _Copy) -> Path:
    objects = copy.view.objects
    delta = make_delta(objects, copy.view.snapshot, compare(objects, copy.base.snapshot, copy.view.snapshot))
    below = copy.staging / "below"
    with _new_folder(below) as fd, ExitStack() as stack:
        roots = stack.enter_context(context.store.layers.open_stack(copy.base.id))
        committed = LinkPlacer((), context.namespace, below=roots)
        stack.callback(committed.close)
        place = CopyPlacer(stack.enter_context(open_upper(context)), context.namespace, committed)
        stack.callback(place.close)
        build_layer(delta, fd, place, context.namespace, context.progress)
    return below


def _shown(context: Context, copy: _Copy, targets: tuple[tuple[str, bool], ...]) -> ObjectId:
    """The snapshot of what the copy shows, without what the runtime left there."""
    with _opened(copy.staging / "upper") as fd:
        scan = LayerScanner(context.namespace, progress=context.progress, tolerant=True).scan(fd)
        forget(scan, untouched_targets(replace(context.worktree.record, targets=targets), fd))
    return apply_scan(copy.view.objects, copy.view.snapshot, scan)


def _commit(context: Context, copy: _Copy, after: ObjectId, message: str) -> tuple[int, CommitId]:
    if not becomes_free(context, copy.staging / "upper"):
        raise Busy("processes still use the rootfs in which the command was tried", hint="end them and try again")
    if read_view(context, tolerant=True).snapshot != copy.view.snapshot:
        raise Conflict("the rootfs was changed while the command was tried", hint="nothing was kept; try again")
    objects, store = copy.view.objects, context.store
    fs, layer = _build_layer(context, copy, after)
    objects.flush()
    made = store.commits.write(_draft(context, copy, after, message, layer))
    subject = message.split("\n", 1)[0]
    with store.staging("try") as staging:
        adopted = adopt(context, layer, fs, f"tmp/{staging.name}/spare")
        fresh = prepare_write_layer(context, staging, made)
        store.durability.sync_filesystem(context.layout.root)

        def moves(number: int) -> list[Move]:
            if context.head() != copy.head.id:
                raise RefMoved("HEAD was moved meanwhile by somebody else")
            return [*adopted, *advance(context, copy.head.id, made, f"try: {subject}")]

        return switch(context, "try", made, fresh, moves), made


def _build_layer(context: Context, copy: _Copy, after: ObjectId) -> tuple[Path, LayerDescriptor]:
    """The layer, made of hard links to what the command wrote: nobody else has that."""
    objects = copy.view.objects
    comparison = compare(objects, copy.head.snapshot, after)
    delta = make_delta(objects, after, comparison)
    fs = copy.staging / "fs"
    with _new_folder(fs) as fd, ExitStack() as stack:
        own = [copy.staging / name for name in ("upper", "below") if (copy.staging / name).is_dir()]
        ours = [stack.enter_context(_opened(path)) for path in own]
        committed = stack.enter_context(context.store.layers.open_stack(copy.base.id))
        place = LinkPlacer(ours, context.namespace, below=committed)
        stack.callback(place.close)
        build_layer(delta, fd, place, context.namespace, context.progress)
    return fs, describe(delta, comparison.changes, Quiescence.SEALED, depth=copy.head.layer.depth + 1)


def _draft(context: Context, copy: _Copy, after: ObjectId, message: str, layer: LayerDescriptor) -> CommitDraft:
    now = datetime.now().astimezone().replace(microsecond=0)
    return CommitDraft(
        parents=(copy.head.id,),
        author=context.author,
        date=now,
        committer=context.author,
        commit_date=now,
        message=message,
        snapshot=after,
        config=context.store.commits.config(copy.head),
        layer=layer,
    )


@contextmanager
def _new_folder(path: Path) -> Iterator[int]:
    path.mkdir(mode=0o700)
    drop_inherited_acls(bytes(path))
    with _opened(path) as fd:
        yield fd


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)
