"""``restore``: single files and trees of a commit, put back into the rootfs while it is in use."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from layerctl.errors import Busy, Conflict, NothingToCommit, PathNotFound, UsageError
from layerctl.layer.build import LinkPlacer, Placer
from layerctl.layer.live import LiveTree
from layerctl.model.entry import Entry, Kind
from layerctl.model.listing import parse_entry
from layerctl.model.recovery import RestoreResult
from layerctl.mount.table import Mount, read_mounts
from layerctl.ops.halves import half_made
from layerctl.ops.mounting import ensure_mounted
from layerctl.ops.paths import is_below
from layerctl.ops.view import View, read_view
from layerctl.snapshot.compare import compare
from layerctl.snapshot.graft import graft, topmost
from layerctl.snapshot.hardlinks import touches
from layerctl.snapshot.walk import entry_text, hardlink_groups
from layerctl.values import field, record

if TYPE_CHECKING:
    from layerctl.model.change import Change
    from layerctl.model.commit import ImageCommit
    from layerctl.model.ids import ObjectId
    from layerctl.model.scan import RootPath
    from layerctl.ops.context import Context


@record
class Plan:
    """What has to be done to a rootfs.

    Attributes:
        changes: what differs afterwards, sorted by path.
        removals: paths to delete.
        entries: paths to make, with what they are.
        links: paths that become another name of a file, by the path of that file.
        times: directories that get this time back once everything in them is made.
        settled: directories that are there and get other metadata.
    """

    changes: tuple[Change, ...]
    removals: list[RootPath] = field(default_factory=list)
    entries: dict[RootPath, Entry] = field(default_factory=dict)
    links: dict[RootPath, RootPath] = field(default_factory=dict)
    times: dict[RootPath, int] = field(default_factory=dict)
    settled: dict[RootPath, Entry] = field(default_factory=dict)


def restore(context: Context, paths: Sequence[RootPath], source: str | None) -> RestoreResult:
    """See :meth:`layerctl.ops.repository.Repository.restore`."""
    if not paths:
        raise UsageError("restore needs a path", hint="'layerctl restore /' puts everything back")
    with context.changing_worktree():
        record = context.worktree.record
        if record.base is None:
            raise NothingToCommit("nothing is checked out yet", hint="'layerctl checkout' mounts a commit")
        commit = context.read(source or "HEAD")
        if record.read_only:
            raise Conflict("the rootfs is mounted read-only", hint="'layerctl checkout HEAD' mounts it writable")
        ensure_mounted(context)
        view = read_view(context, tolerant=True)
        _check_paths(view, commit, paths, source or "HEAD")
        plan = make_plan(view, commit.snapshot, topmost(paths))
        if plan.changes:
            _check_mounts(context, plan)
            _carry_out(context, commit, plan)
    return RestoreResult(commit.id, plan.changes)


def _check_paths(view: View, commit: ImageCommit, paths: Sequence[RootPath], source: str) -> None:
    for path in paths:
        if all(entry_text(view.objects, tree, path) is None for tree in (commit.snapshot, view.snapshot)):
            raise PathNotFound(f"/{os.fsdecode(path)} is neither in '{source}' nor in the rootfs")


def _check_mounts(context: Context, plan: Plan) -> None:
    """Raises Busy if something else is mounted where something has to change."""
    top = os.fsencode(context.worktree.mountpoint)
    inside = [os.fsencode(mount.mountpoint)[len(top) + 1 :] for mount in read_mounts() if _is_inside(mount, top)]
    places = (*plan.removals, *plan.entries, *plan.links, *plan.settled)
    for point in inside:
        for path in places:
            below_it = is_below(path, [point])
            goes = is_below(point, [path]) and path not in plan.settled
            if below_it or goes:
                raise Busy(
                    f"something else is mounted at /{os.fsdecode(point)} in the rootfs", hint="unmount it and try again"
                )


def _is_inside(mount: Mount, top: bytes) -> bool:
    return os.fsencode(mount.mountpoint).startswith(top + b"/")


def make_plan(view: View, source: ObjectId, paths: Sequence[RootPath]) -> Plan:
    """Works out what to do so that paths of a rootfs become what they are in a snapshot.

    Args:
        view: the rootfs.
        source: the snapshot.
        paths: none of them below another.
    """
    objects = view.objects
    target = graft(objects, view.snapshot, source, paths)
    found = compare(objects, view.snapshot, target).changes
    changed = {change.path: change for change in found if not change.relinked}
    plan = Plan(tuple(change.parsed() for change in found if change.path in changed or is_below(change.path, paths)))
    _plan_links(plan, view, target, paths, frozenset(changed))
    for path, change in changed.items():
        if change.new is None:
            plan.removals.append(path)
            continue
        entry, is_dir = parse_entry(change.new), (change.old or b"").startswith(b"type=dir ")
        if entry.kind is Kind.DIR and is_dir:
            plan.settled[path] = entry
        elif path not in plan.links:
            plan.entries[path] = entry
    _plan_times(plan, view, target, source, paths)
    return plan


def _plan_links(
    plan: Plan, view: View, target: ObjectId, paths: Sequence[RootPath], moved: frozenset[RootPath]
) -> None:
    """Which names of hard-linked files are made, and of which file."""
    before = {path: group for group in hardlink_groups(view.objects, view.snapshot) for path in group}
    after = {path: group for group in hardlink_groups(view.objects, target) for path in group}
    for group in set(after.values()):
        taken = [path for path in group if is_below(path, paths)]
        if not taken or (before.get(group[0]) == group and not moved.intersection(group)):
            continue
        others = [path for path in group if path not in taken]
        leader = others[0] if others else taken[0]
        if not others:
            plan.entries[leader] = _entry(view, target, leader)
        # A file of a lower layer is copied up when it gets another name, and its old other names are not.
        apart = [path for path in others if not touches(view.scan.root, path)]
        plan.links.update({path: leader for path in (*taken, *apart) if path != leader})
    for path in before.keys() - after.keys() - moved:
        if is_below(path, paths):
            plan.entries[path] = _entry(view, target, path)


def _entry(view: View, target: ObjectId, path: RootPath) -> Entry:
    text = entry_text(view.objects, target, path)
    assert text is not None
    return parse_entry(text)


def _plan_times(plan: Plan, view: View, target: ObjectId, source: ObjectId, paths: Sequence[RootPath]) -> None:
    """Directories in which something is made or deleted: those that are the source's have its time."""
    for path in (*plan.removals, *plan.entries, *plan.links):
        here = path
        while here:
            here = here.rpartition(b"/")[0]
            if here in plan.times:
                break
            text = entry_text(view.objects, target, here)
            if text is not None and text == entry_text(view.objects, source, here):
                plan.times[here] = parse_entry(text).mtime_ns
    plan.times.update({path: entry.mtime_ns for path, entry in plan.entries.items() if entry.kind is Kind.DIR})


def _carry_out(context: Context, commit: ImageCommit, plan: Plan) -> None:
    with half_made(context) as temporary, ExitStack() as stack:
        roots = stack.enter_context(context.store.layers.open_stack(commit.id))
        place = LinkPlacer((), None, below=roots)
        stack.callback(place.close)
        root = os.open(context.worktree.mountpoint, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, root)
        try:
            apply_plan(plan, stack.enter_context(LiveTree(root, temporary)), place)
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise Busy("the rootfs was changed meanwhile", hint="restore again; what was restored stays") from exc
    if not context.worktree.record.volatile:
        context.store.durability.sync_filesystem(context.layout.root)


def apply_plan(plan: Plan, tree: LiveTree, place: Placer) -> None:
    """Does what a plan says: deletes, makes, then gives directories their metadata, children first."""
    for path in sorted(plan.removals, reverse=True):
        tree.remove(path)
    for path in sorted(plan.entries.keys() | plan.links.keys()):
        if path in plan.links:
            tree.link(path, plan.links[path])
        elif plan.entries[path].kind is Kind.DIR:
            tree.make_dir(path, plan.entries[path])
        else:
            tree.put(path, plan.entries[path], place)
    for path in sorted(plan.times.keys() | plan.settled.keys(), reverse=True):
        if path in plan.settled:
            tree.settle_dir(path, plan.settled[path])
        else:
            tree.set_time(path, plan.times[path])
