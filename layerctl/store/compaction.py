"""Merging a row of layers into one directory that overlayfs can mount in their place."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.layer.build import LinkPlacer, build_layer
from layerctl.layer.remove import remove_tree
from layerctl.layer.xattrs import XattrNamespace, drop_inherited_acls
from layerctl.snapshot.compare import compare
from layerctl.snapshot.delta import make_delta
from layerctl.store.layers import open_root
from layerctl.store.record import dump_record
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.commit import ImageCommit
    from layerctl.model.progress import Progress
    from layerctl.snapshot.objects import ObjectStore
    from layerctl.store.durable import Durability


@frozen
class Compaction:
    """What is to be merged.

    Attributes:
        top: the row's newest commit.
        below: the commit under the row; None under the base image.
        parts: the directories that stand for the row, topmost first.
        target: the run's folder.
    """

    top: ImageCommit
    below: ImageCommit | None
    parts: tuple[Path, ...]
    target: Path


def compact(
    wanted: Compaction,
    objects: ObjectStore,
    under: Callable[[], tuple[Path, ...]],
    *,
    staging: Path,
    durability: Durability,
    namespace: XattrNamespace,
    progress: Progress,
) -> None:
    """Makes a run, whole and synced before it has its name; harmless if another process makes the same one.

    Args:
        wanted: what is to be merged.
        objects: for snapshots.
        under: gives the directories below the row, topmost first.
        staging: a folder that nobody else uses; gone afterwards.
        durability: how hard the run is synced.
        namespace: spelling of escaped attributes.
        progress: told how far it is.
    """
    top, below = wanted.top, wanted.below
    remove_tree(staging)
    (staging / "fs").mkdir(parents=True)
    drop_inherited_acls(os.fsencode(staging / "fs"))
    comparison = compare(objects, below.snapshot if below is not None else None, top.snapshot)
    delta = make_delta(objects, top.snapshot, comparison)
    # A hard-link group may differ from the commit below in a member that no merged layer had to hold.
    relinked = any(change.relinked for change in comparison.changes)
    try:
        with ExitStack() as stack:
            roots = [open_root(stack, path) for path in wanted.parts]
            lower = [open_root(stack, path) for path in (under() if relinked else ())]
            place = LinkPlacer(roots, namespace, below=lower)
            stack.callback(place.close)
            build_layer(delta, open_root(stack, staging / "fs"), place, namespace, progress)
        record = {"below": below.id.hex if below is not None else None, "top": top.id.hex}
        (staging / "run.json").write_bytes(dump_record(record))
        durability.sync_filesystem(staging)
        _adopt(staging, wanted.target, durability)
    finally:
        remove_tree(staging)


def _adopt(staging: Path, target: Path, durability: Durability) -> None:
    try:
        os.rename(staging, target)
    except OSError:
        if not (target / "run.json").is_file():  # another process may have made the same run meanwhile
            raise
    durability.sync_dir(target.parent)
