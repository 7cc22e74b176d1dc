"""``gc``: frees what nothing needs.

What is needed is computed under the exclusive lock, so no verb is at work and nothing is half-made (trap 42). A kill at
any point leaves a consistent repository: what is let go is first written down, then Git forgets it, then directories
move to ``tmp/``, and only there they are deleted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Damaged
from layerctl.layer.remove import remove_tree
from layerctl.layer.usage import freed
from layerctl.model.ids import CommitId
from layerctl.model.operation import Operation, RefMove
from layerctl.model.results import Freed, GcResult
from layerctl.mount.overlay import is_upper_in_use
from layerctl.mount.table import has_detached_users, overlay_options
from layerctl.mount.worktree import unmount_below
from layerctl.ops.hooking import hooks_of
from layerctl.ops.leftovers import remove_leftover
from layerctl.ops.needed import Cutoffs, bases, ids_of, oid_of, operations_to_let_go, parked_by, reflogs
from layerctl.store.garbage import GitGarbage, drop_garbage, find_garbage
from layerctl.store.reachable import Reachable
from layerctl.store.worktrees import list_worktrees
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.ops.context import Context
    from layerctl.store.reflog_expiry import ReflogFile

_OPERATIONS = "refs/layerctl/operations/"
#: Where parked write layers are in an operation's folder.
_UPPERS = ("upper", "worktree/upper", "worktrees/*/upper", "worktrees/*/worktree/upper")
#: A mount that was just taken away holds its directories until the kernel has written everything back.
_TEARDOWN_SECONDS = 2.0


@frozen
class _Plan:
    """What goes.

    Attributes:
        through: the last operation that is let go.
        operations: how many are let go.
        refs: of operations that are let go.
        reflogs: those that lose entries.
        git: objects.
        folders: directories by kind.
        leftovers: what killed commands left in ``tmp/``.
        in_use: directories that stay because somebody uses them.
    """

    through: int
    operations: int
    refs: tuple[RefMove, ...]
    reflogs: tuple[ReflogFile, ...]
    git: GitGarbage
    folders: dict[str, tuple[Path, ...]]
    leftovers: tuple[Path, ...]
    in_use: tuple[Path, ...]


def gc(context: Context, *, grace: str | None, dry_run: bool) -> GcResult:
    """See :meth:`layerctl.ops.repository.Repository.gc`."""
    context.store.check_namespace()
    cutoffs = Cutoffs.of(context, grace)
    if not dry_run:
        hooks_of(context).run("pre-gc")
    with context.store.lock.exclusive() as share:
        with context.store.lock.apply():
            context.store.journal.recover()
            plan = _plan(context, cutoffs)
            result = _result(context, plan, dry_run=dry_run)
            trash = _carry_out(context, plan) if not dry_run else None
        share()
        if trash is not None:
            remove_tree(trash)
    return result


def _plan(context: Context, cutoffs: Cutoffs) -> _Plan:
    journal = context.store.journal
    old_parked, busy_parked, through = _parked(context, operations_to_let_go(context, cutoffs.parked))
    kept = journal.since(through)
    staying = [path for path in context.layout.parked.iterdir() if path not in old_parked]
    below = bases(context, staying)
    refs = _refs_to_drop(context, through, {commit.hex for commit in below})
    logs = reflogs(context, cutoffs)
    needed = Reachable(context.store.git.raw)
    gone = {move.ref for move in refs}
    tips = {hex_id for ref, hex_id in context.store.git.refs().items() if ref not in gone}
    context.progress("looking for what is needed", 0, 0)
    needed.add(oid_of(CommitId(hex_id)) for hex_id in tips)
    needed.add(oid_of(commit) for commit in below)
    needed.add(ids_of(kept), strict=False)
    needed.add((oid for log in logs if log.ref not in gone for oid in log.ids()), strict=False)
    garbage = find_garbage(context.store.git, needed, cutoffs.prune)
    layers, runs, busy = _directories(context, needed, cutoffs.prune)
    return _Plan(
        through=through,
        operations=len(journal.since(journal.expired)) - len(kept),
        refs=refs,
        reflogs=tuple(log for log in logs if log.dropped and log.ref not in gone),
        git=garbage,
        folders={"parked": old_parked, "layers": layers, "runs": runs},
        leftovers=tuple(context.layout.tmp.iterdir()),
        in_use=(*busy_parked, *busy),
    )


def _parked(context: Context, through: int) -> tuple[tuple[Path, ...], tuple[Path, ...], int]:
    """Parked folders that go, those that would but are in use, and the last operation that can be let go then."""
    journal = context.store.journal
    old = _parked_before(context, journal.since(max(through, journal.expired)))
    busy = tuple(path for path in old if _is_parked_in_use(context, path))
    if busy:
        through = min(through, *(int(path.name) - 1 for path in busy))
        through = max(through, journal.expired)
        old = tuple(path for path in _parked_before(context, journal.since(through)) if path not in busy)
    return old, busy, through


def _parked_before(context: Context, kept: Iterable[Operation]) -> tuple[Path, ...]:
    needed = parked_by(kept)
    return tuple(
        path for path in sorted(context.layout.parked.iterdir()) if path.name.isdigit() and path.name not in needed
    )


def _is_parked_in_use(context: Context, folder: Path) -> bool:
    if not unmount_below(folder):
        return True
    uppers = [path for pattern in _UPPERS for path in folder.glob(pattern)]
    return not _waited(lambda: not any(is_upper_in_use(upper, context.layout.tmp) for upper in uppers))


def _waited(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _TEARDOWN_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _refs_to_drop(context: Context, through: int, bases: set[str]) -> tuple[RefMove, ...]:
    """Refs that only kept something for operations which are let go; not what a write layer lies on."""
    found = context.store.git.refs(_OPERATIONS).items()
    return tuple(
        RefMove(ref, target, None)
        for ref, target in found
        if int(ref.removeprefix(_OPERATIONS).partition("-")[0]) <= through and target not in bases
    )


def _directories(
    context: Context, needed: Reachable, cutoff: float
) -> tuple[tuple[Path, ...], tuple[Path, ...], tuple[Path, ...]]:
    """Layers and compacted runs that go, and those that would but are mounted somewhere (trap 35)."""
    layout = context.layout
    live = {_layer_of(context, commit) for commit in needed.commits}
    layers = [
        path
        for path in sorted(layout.layers.iterdir())
        if path != layout.compacted and path.name not in live and path.stat().st_mtime < cutoff
    ]
    wanted = {path.parent for worktree in list_worktrees(layout) for path in _stack(context, worktree.record.base)}
    runs = [path for path in sorted(layout.compacted.iterdir()) if path not in wanted]
    mounted = _mounted(context, [*layers, *runs])
    return (
        tuple(path for path in layers if path not in mounted),
        tuple(path for path in runs if path not in mounted),
        mounted,
    )


def _layer_of(context: Context, commit: CommitId) -> str | None:
    try:
        return context.store.commits.read(commit).layer.id.hex
    except Damaged:  # made by plain Git: no image commit
        return None


def _stack(context: Context, base: CommitId | None) -> Sequence[Path]:
    return context.store.layers.existing_stack(base) if base is not None else ()


def _mounted(context: Context, folders: list[Path]) -> tuple[Path, ...]:
    """Those that an overlay uses in any mount namespace; all of them, if one is used that is mounted nowhere."""
    if not folders:
        return ()
    if not _waited(lambda: not has_detached_users()):
        return tuple(folders)
    options = overlay_options()
    return tuple(path for path in folders if f"/{path.relative_to(context.layout.root)}/" in options)


def _result(context: Context, plan: _Plan, *, dry_run: bool) -> GcResult:
    found = {"operations": Freed(plan.operations, 0)}
    for kind, paths in plan.folders.items():
        found[kind] = Freed(len(paths), freed(paths))
    found["objects"] = Freed(plan.git.objects, plan.git.size)
    found["reflog_entries"] = Freed(sum(log.dropped for log in plan.reflogs), 0)
    found["leftovers"] = Freed(len(plan.leftovers), freed(plan.leftovers))
    in_use = tuple(str(path.relative_to(context.layout.root)) for path in plan.in_use)
    return GcResult(dry_run, found, plan.through, in_use)


def _locks(git: Path) -> list[str]:
    """Refs of layerctl's own that a killed command left locked; those that gc deletes are touched by nobody later."""
    return [os.fspath(path.relative_to(git).with_suffix("")) for path in git.glob("refs/layerctl/**/*.lock")]


def _carry_out(context: Context, plan: _Plan) -> Path:
    """Lets go of everything; returns the folder with what is still to be deleted."""
    store, layout = context.store, context.layout
    store.git.drop_stale_locks(_locks(layout.git))
    store.journal.expire(plan.through)
    for move in plan.refs:
        store.git.move_ref(move, context.author)
    for log in plan.reflogs:
        store.durability.write(log.path, b"".join(log.kept))
    drop_garbage(store.git, plan.git, store.durability)
    for leftover in plan.leftovers:
        remove_leftover(leftover)
    trash = layout.tmp / "gc"
    trash.mkdir(mode=0o700, exist_ok=True)
    for kind, paths in plan.folders.items():
        for path in paths:
            path.rename(trash / f"{kind}-{path.name}")
    for folder in (layout.layers, layout.compacted, layout.parked):
        store.durability.sync_dir(folder)
    store.journal.drop_expired()
    return trash
