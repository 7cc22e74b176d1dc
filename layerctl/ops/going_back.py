"""Going back to an earlier state: refs, HEADs and write layers as they were right after some operation.

``undo`` and ``op restore`` are this. It is an operation like the others: what it replaces is parked, so that undoing it
goes forward again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Busy
from layerctl.model.ids import CommitId
from layerctl.model.operation import FileMove, Move, Operation, RefMove, Rename
from layerctl.model.past import Past, PastWorktree, look_back
from layerctl.model.worktree import WorktreeRecord
from layerctl.mount.table import mount_at
from layerctl.mount.worktree import WorktreeMount
from layerctl.ops.container import refuse_running
from layerctl.ops.heads import keep
from layerctl.ops.mounting import becomes_free, ensure_mounted, mount_of
from layerctl.ops.rootfs import has_changes, prepare_write_layer
from layerctl.store.record import load_record
from layerctl.store.worktrees import Worktree
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.ops.context import Context

_WRITE_LAYER = ("upper", "work")


@frozen
class Way:
    """How to go back.

    Attributes:
        verb: of the operation that this becomes.
        description: of the operation that this becomes.
        message: for reflogs.
        undoes: the operation that is taken back, if it is a single one.
    """

    verb: str
    description: str
    message: str
    undoes: int | None = None


@frozen
class _Step:
    """One worktree that changes.

    Attributes:
        context: the repository, seen from it.
        past: what it was like.
        old_mount: its present mount; None if there is no such worktree now.
        fresh: moves that put an empty write layer in place, where the old one was deleted.
    """

    context: Context
    past: PastWorktree
    old_mount: WorktreeMount | None
    fresh: tuple[Move, ...] = ()

    @property
    def home(self) -> str:
        """Where the worktree's folder belongs, relative to the repository."""
        return f"worktrees/{self.context.worktree.name}"

    @property
    def stays(self) -> bool:
        """Whether it is the same worktree now and then."""
        return self.past.folder == self.home

    @property
    def parks_changes(self) -> bool:
        """Whether uncommitted work is set aside."""
        leaves = not self.stays or not self.past.has_same_rootfs
        return leaves and self.old_mount is not None and has_changes(self.context)


def go_back(context: Context, later: Sequence[Operation], way: Way) -> tuple[int, bool] | None:
    """Restores the state before some operations.

    Args:
        context: the repository.
        later: all operations since that state, oldest first.
        way: how to record it.

    Returns:
        The number of the operation, and whether uncommitted work was parked; None if another operation was faster.

    Raises:
        Busy: processes still write to a write layer that would come back.
        MountpointInUse: something is where a rootfs would be mounted.
    """
    past = look_back(later)
    with ExitStack() as stack:
        stack.enter_context(context.store.lock.in_use())
        there = [context.for_worktree(Worktree(name, context.layout)) for name in past.worktrees]
        for other in there:
            if other.worktree.exists:
                stack.enter_context(other.changing_worktree())
                refuse_running(other)
        if not _is_newest(context, later):
            return None
        steps = [_prepared(other, past.worktrees[other.worktree.name], stack) for other in there]
        parks = any(step.parks_changes for step in steps)
        with context.applying() as number:
            if not _is_newest(context, later):
                return None
            moves = [move for step in steps for move in _moves(step, _aside(number, step, steps))]
            moves += _ref_moves(context, past, number, way.message)
            context.perform(number, way.verb, moves, description=way.description, undoes=way.undoes)
        for step in steps:
            _let_mount_follow(step)
    return number, parks


def _is_newest(context: Context, later: Sequence[Operation]) -> bool:
    newest = context.store.journal.newest()
    return bool(later) and newest is not None and newest.number == later[-1].number


def _aside(number: int, step: _Step, steps: Sequence[_Step]) -> str:
    """Where a worktree's things are parked: in the operation's folder, or in one of its own if there are several."""
    return f"parked/{number}" if len(steps) == 1 else f"parked/{number}/{step.home}"


def _prepared(context: Context, past: PastWorktree, stack: ExitStack) -> _Step:
    """Checks and makes all that can fail or takes long."""
    old_mount = mount_of(context) if context.worktree.exists else None
    step = _Step(context, past, old_mount)
    if past.folder is None:
        return step
    record = _then(context, past)
    if record.base is None:
        return step
    context.store.layers.stack(record.base, context.progress)
    _check_mountpoint(step, context.layout.root.parent / record.mountpoint)
    if past.upper is None:
        staging = stack.enter_context(context.store.staging("back"))
        fresh = prepare_write_layer(context, staging, record.base)
        return _Step(context, past, old_mount, tuple(fresh))
    if not step.stays or not past.has_same_rootfs:
        _check_unused(context, context.layout.root / past.upper)
    return step


def _then(context: Context, past: PastWorktree) -> WorktreeRecord:
    """The worktree's record as it will be."""
    path = context.layout.root / str(past.folder) / "worktree.json"
    data = past.record.encode() if past.record is not None else path.read_bytes()
    return WorktreeRecord.from_json(load_record(data, path))


def _check_mountpoint(step: _Step, place: Path) -> None:
    """Makes sure that a rootfs can be mounted where none is now."""
    there = step.old_mount
    if there is None or there.path != place or there.current is None:
        WorktreeMount(place).prepare()


def _check_unused(context: Context, upper: Path) -> None:
    """A write layer that a detached mount still writes to must not be mounted a second time."""
    if mount_at(upper.parent / "mount") is None and not becomes_free(context, upper):
        raise Busy(
            "processes still work in the rootfs that was set aside", hint="let them leave it (cd out), then try again"
        )


def _moves(step: _Step, aside: str) -> list[Move]:
    moves: list[Move] = []
    if step.old_mount is not None and not step.stays:
        moves.append(Rename(step.home, f"{aside}/worktree"))
    folder = step.past.folder
    if folder is None:
        return moves
    if not step.stays:
        moves.append(Rename(folder, step.home))
    return [*moves, *_write_layer_moves(step, folder, aside), *_head_moves(step, folder), *_file_moves(step, folder)]


def _write_layer_moves(step: _Step, folder: str, aside: str) -> list[Move]:
    past, root = step.past, step.context.layout.root
    if past.record is None:
        return []
    moves: list[Move] = [
        Rename(f"{step.home}/{name}", f"{aside}/{name}") for name in _WRITE_LAYER if (root / folder / name).exists()
    ]
    if past.upper is not None:
        moves += _back(root, past.upper.removesuffix("/upper"), step.home)
    now = (root / folder / "worktree.json").read_text()
    return [*moves, *step.fresh, FileMove(f"{step.home}/worktree.json", now, past.record)]


def _back(root: Path, parked: str, home: str) -> list[Move]:
    return [Rename(f"{parked}/{name}", f"{home}/{name}") for name in _WRITE_LAYER if (root / parked / name).exists()]


def _head_moves(step: _Step, folder: str) -> list[Move]:
    now = (step.context.layout.root / folder / "HEAD").read_text()
    if step.past.head is None or step.past.head == now:
        return []
    return [FileMove(f"{step.home}/HEAD", now, step.past.head)]


def _file_moves(step: _Step, folder: str) -> list[Move]:
    moves: list[Move] = []
    for name, then in step.past.files.items():
        path = step.context.layout.root / folder / name
        now = path.read_text() if path.exists() else None
        if now != then:
            moves.append(FileMove(f"{step.home}/{name}", now, then))
    return moves


def _ref_moves(context: Context, past: Past, number: int, message: str) -> list[Move]:
    """Deletions first: a name may be free for another only then."""
    now = {ref: context.store.git.ref(ref) for ref in past.refs}
    changed = [ref for ref in past.refs if now[ref] != past.refs[ref].then]
    lost = sorted({hex_id for ref in changed if (hex_id := now[ref]) is not None})
    moves = [RefMove(ref, now[ref], past.refs[ref].then, message) for ref in changed]
    kept = keep(context, number, [CommitId(hex_id) for hex_id in lost])
    return [*kept, *sorted(moves, key=_is_made)]


def _is_made(move: RefMove) -> bool:
    return move.new is not None


def _let_mount_follow(step: _Step) -> None:
    """The mount that was moved aside comes back, another is made, or it goes."""
    context, worktree = step.context, step.context.worktree
    bare = not worktree.exists or worktree.record.base is None
    if step.old_mount is not None and (bare or mount_of(context).path != step.old_mount.path):
        step.old_mount.detach()
    if not bare and not _brought_back(step):
        ensure_mounted(context)


def _brought_back(step: _Step) -> bool:
    upper = step.past.upper
    if upper is None or step.past.has_same_rootfs:
        return False
    return mount_of(step.context).bring_back(step.context.layout.root / upper.removesuffix("upper") / "mount")
