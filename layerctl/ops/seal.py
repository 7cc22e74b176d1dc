"""From a write layer to a layer: the heart of ``commit``.

Three ways lead there, and each ends with a directory that holds exactly the canonical difference to the parent:

- *sealed, in place*: nobody can write any more, and the write layer lies on the parent itself and is in a layer's form
  already. It is later renamed into the store.
- *sealed, by links*: nobody can write, but the parent is not what is mounted (after a commit of a busy rootfs, or for
  ``--amend``), or the form is another. The layer is built of hard links, and the write layer goes away with the
  operation.
- *copied*: somebody may write, or only a part is wanted. What differs is copied; the write layer stays as it is.

In each, the write layer is as it was until the operation has happened: a crash before that leaves nothing to put right.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import PathNotFound
from layerctl.layer.build import CopyPlacer, LinkPlacer, Placer, build_layer
from layerctl.layer.scan import LayerScanner
from layerctl.layer.tidy import is_exact, tidy
from layerctl.layer.xattrs import drop_inherited_acls
from layerctl.model.entry import Entry, Kind
from layerctl.model.layer import Quiescence
from layerctl.model.listing import parse_entry
from layerctl.model.scan import RootPath, Scan, ScanDir
from layerctl.mount.overlay import is_upper_in_use
from layerctl.ops.mounting import mount_of
from layerctl.ops.paths import is_below, matches
from layerctl.ops.rootfs import open_upper
from layerctl.ops.view import View, read_view, remove_targets
from layerctl.snapshot.apply import apply_scan
from layerctl.snapshot.compare import Comparison, RawChange, compare
from layerctl.snapshot.delta import make_delta
from layerctl.snapshot.walk import entry_text
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.delta import Delta
    from layerctl.model.ids import CommitId, ObjectId
    from layerctl.mount.worktree import WorktreeMount
    from layerctl.ops.context import Context
    from layerctl.store.staged import StagedObjects


@frozen
class Selection:
    """Which changes to take.

    Attributes:
        paths: only what is at or below these; empty takes everything.
        exclude: globs to leave out.
    """

    paths: tuple[RootPath, ...] = ()
    exclude: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return not self.paths and not self.exclude

    def takes(self, path: RootPath) -> bool:
        """Whether a change at a path is wanted."""
        return is_below(path, self.paths) and not matches(path, self.exclude)


@frozen
class Sealed:
    """A layer that is ready to go into the store.

    Attributes:
        objects: holds the new snapshot's objects, not yet stored.
        snapshot: the new snapshot.
        comparison: parent against new snapshot.
        delta: the layer's content.
        quiescence: how it was taken.
        fs: the layer's directory; the write layer itself if that was sealed in place.
        consumes_write_layer: whether the write layer is used up and the worktree goes on from the new commit.
    """

    objects: StagedObjects
    snapshot: ObjectId
    comparison: Comparison
    delta: Delta
    quiescence: Quiescence
    fs: Path
    consumes_write_layer: bool


@contextmanager
def quieted(context: Context, freeze: Callable[[], Callable[[], None] | None]) -> Iterator[Quiescence]:
    """Makes the rootfs as still as it can be made, for as long as its write layer is read.

    Args:
        context: whose rootfs.
        freeze: pauses a running container and returns what lets it go on; None if there is none to pause.

    Yields:
        What was reached.
    """
    mount = mount_of(context)
    if _seal(context, mount):
        try:
            yield Quiescence.SEALED
        except BaseException:
            unseal(context)
            raise
        return
    thaw = freeze()
    try:
        yield Quiescence.FROZEN if thaw is not None else Quiescence.LIVE
    finally:
        if thaw is not None:
            thaw()


def _seal(context: Context, mount: WorktreeMount) -> bool:
    """Whether it is certain now that nobody can write to the write layer.

    Who is visibly there is left alone, because trying to make a superblock read-only can fail a write that happens at
    that instant. The proof is the kernel's.
    """
    if mount.current is None:
        return not is_upper_in_use(context.worktree.upper, context.layout.tmp)
    return not mount.is_used(context.worktree.upper) and mount.make_read_only()


def unseal(context: Context) -> None:
    """Lets the rootfs be written to again after a commit that left the write layer where it is.

    Does nothing once an operation has begun to take the write layer away: what is mounted then is a layer.
    """
    mount = mount_of(context)
    current, upper = mount.current, context.worktree.upper
    if current is None or not current.read_only or context.worktree.record.read_only:
        return
    if not context.store.journal.has_pending and upper.is_dir() and is_upper_in_use(upper, context.layout.tmp):
        mount.make_writable()


def seal(
    context: Context,
    parent: CommitId | None,
    selection: Selection,
    quiescence: Quiescence,
    staging: Path,
    check: Callable[[Comparison], None],
) -> Sealed:
    """Makes a layer of what differs from ``parent``.

    Args:
        context: whose write layer.
        parent: the commit to differ from; None for the empty rootfs (amending a base image).
        selection: which changes are wanted.
        quiescence: what :func:`quieted` reached.
        staging: a private folder.
        check: called with what the layer will hold before anything is changed for it; may refuse by raising.
    """
    still = quiescence is Quiescence.SEALED
    record = context.worktree.record
    if still:
        with open_upper(context) as fd:
            remove_targets(record, fd)
    view = read_view(context, tolerant=not still)
    before = context.store.commits.read(parent).snapshot if parent is not None else None
    comparison = compare(view.objects, before, view.snapshot)
    _check_paths(view, before, comparison, selection)
    if still and selection.is_everything:
        check(comparison)
        delta = make_delta(view.objects, view.snapshot, comparison)
        if record.base == parent and is_exact(view.scan, delta):
            return Sealed(view.objects, view.snapshot, comparison, delta, quiescence, context.worktree.upper, True)
        return _linked(context, view, comparison, delta, parent, staging)
    sealed = _copied(context, view, parent, comparison, selection, quiescence, staging)
    check(sealed.comparison)
    return sealed


def _check_paths(view: View, before: ObjectId | None, comparison: Comparison, selection: Selection) -> None:
    """Raises PathNotFound for a path that neither the parent nor the rootfs has."""
    for path in selection.paths:
        if any(is_below(change.path, [path]) for change in comparison.changes):
            continue
        if before is None or entry_text(view.objects, before, path) is None:
            raise PathNotFound(f"/{os.fsdecode(path)} is neither in HEAD nor in the rootfs")


def _linked(
    context: Context, view: View, comparison: Comparison, delta: Delta, parent: CommitId | None, staging: Path
) -> Sealed:
    above, below = _above(context, parent)
    with _layer_folder(staging) as (fs, fd), _links(context, below, above=(context.worktree.upper, *above)) as place:
        build_layer(delta, fd, place, context.namespace, context.progress)
    return Sealed(view.objects, view.snapshot, comparison, delta, Quiescence.SEALED, fs, True)


def _above(context: Context, parent: CommitId | None) -> tuple[list[Path], CommitId | None]:
    """The layers of what is mounted that the new layer will not lie on, topmost first, and the commit below them."""
    above: list[Path] = []
    base = context.worktree.record.base
    assert base is not None
    for image in context.store.layers.all_layers(base):
        if image.id == parent:
            return above, parent
        above.append(context.store.layers.fs(image.layer.id))
    return (above, None) if parent is None else ([], base)


def _copied(
    context: Context,
    view: View,
    parent: CommitId | None,
    comparison: Comparison,
    selection: Selection,
    quiescence: Quiescence,
    staging: Path,
) -> Sealed:
    """Copies what differs, then takes the copy, which nobody else knows, for the write layer over the parent."""
    objects = view.objects
    before = context.store.commits.read(parent).snapshot if parent is not None else None
    if selection.is_everything:
        wanted = make_delta(objects, view.snapshot, comparison)
    else:
        wanted = _planned(objects, before, _select(comparison, selection))
    base = context.worktree.record.base
    assert base is not None
    with ExitStack() as stack:
        fs, fd = stack.enter_context(_layer_folder(staging))
        below = stack.enter_context(_links(context, base, above=()))
        unchanged = stack.enter_context(_links(context, parent, above=()))
        copier = CopyPlacer(stack.enter_context(open_upper(context)), context.namespace, below)
        stack.callback(copier.close)
        build_layer(wanted, fd, _chosen(selection, copier, unchanged), context.namespace, context.progress)
        digests = copier.digests
        scanner = LayerScanner(context.namespace, known=lambda path, status: digests.get(path))
        scan = scanner.scan(fd)
        snapshot = apply_scan(objects, before, scan)
        result = compare(objects, before, snapshot)
        delta = make_delta(objects, snapshot, result)
        with _opened(staging) as scratch:
            tidy(fd, scan, delta, unchanged, context.namespace, scratch)
    return Sealed(objects, snapshot, result, delta, quiescence, fs, False)


def _chosen(selection: Selection, copier: Placer, unchanged: Placer) -> Placer:
    """Takes what is wanted from the rootfs; what must be there for its hard links alone, from the parent."""

    def place(path: RootPath, entry: Entry, dir_fd: int, name: bytes) -> bool:
        return (copier if selection.takes(path) else unchanged)(path, entry, dir_fd, name)

    return place


def _planned(objects: StagedObjects, before: ObjectId | None, comparison: Comparison) -> Delta:
    scan = _scan_of(comparison)
    snapshot = apply_scan(objects, before, scan)
    return make_delta(objects, snapshot, compare(objects, before, snapshot))


def _select(comparison: Comparison, selection: Selection) -> Comparison:
    """The wanted changes, and the new directories that they need to exist in."""
    chosen = {change.path: change for change in comparison.changes if selection.takes(change.path)}
    changes = {change.path: change for change in comparison.changes}
    for path in list(chosen):
        parent = path.rpartition(b"/")[0]
        while parent and parent not in chosen:
            change = changes.get(parent)
            if change is not None and chosen[path].new is not None and _needs(change):
                chosen[parent] = change
            parent = parent.rpartition(b"/")[0]
    links = tuple(
        kept for group in comparison.new_links if len(kept := tuple(path for path in group if path in chosen)) > 1
    )
    return Comparison(tuple(chosen[path] for path in sorted(chosen)), links)


def _needs(change: RawChange) -> bool:
    """Whether something below a changed directory cannot be without that change: it is new there."""
    return change.old is None or not change.old.startswith(b"type=dir ")


def _scan_of(comparison: Comparison) -> Scan:
    """Changes as a write layer would say them."""
    root = ScanDir(None)
    for change in comparison.changes:
        parent, _, name = change.path.rpartition(b"/")
        here = _descend(root, parent)
        if here is None:
            continue
        if change.new is None:
            here.whiteouts.add(name)
        else:
            _put(root if not change.path else here, name, parse_entry(change.new))
    changed = {change.path for change in comparison.changes if change.new is not None}
    links = tuple(group for group in comparison.new_links if changed.issuperset(group))
    return Scan(root, links)


def _descend(root: ScanDir, path: RootPath) -> ScanDir | None:
    """The directory at a path, made if need be; None if the scan says that there is none."""
    here = root
    for name in path.split(b"/") if path else ():
        if name in here.files or (name in here.whiteouts and name not in here.dirs):
            return None
        here = here.dirs.setdefault(name, ScanDir(None))
    return here


def _put(here: ScanDir, name: bytes, entry: Entry) -> None:
    if entry.kind is not Kind.DIR:
        here.files[name] = entry
    elif not name:
        here.entry = entry
    else:
        here.dirs.setdefault(name, ScanDir(None)).entry = entry


@contextmanager
def _links(context: Context, commit: CommitId | None, *, above: tuple[Path, ...]) -> Iterator[LinkPlacer]:
    with ExitStack() as stack:
        roots = stack.enter_context(context.store.layers.open_stack(commit, above))
        place = LinkPlacer(roots[: len(above)], context.namespace, below=roots[len(above) :])
        stack.callback(place.close)
        yield place


@contextmanager
def _layer_folder(staging: Path) -> Iterator[tuple[Path, int]]:
    fs = staging / "fs"
    fs.mkdir(mode=0o700)
    drop_inherited_acls(bytes(fs))
    with _opened(fs) as fd:
        yield fs, fd


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)
