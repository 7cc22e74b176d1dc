"""Putting layers and compacted runs right."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.layer.remove import remove_tree
from layerctl.layer.xattrs import drop_inherited_acls
from layerctl.model.ids import LayerId
from layerctl.model.problem import Problem, Severity
from layerctl.ops.adopt import layer_document
from layerctl.ops.checks.layers import delta_of_layer
from layerctl.ops.checks.runs import delta_of_run
from layerctl.ops.checks.tree import TreeReader
from layerctl.ops.mends.copies import Copies
from layerctl.ops.mends.inuse import MountedLayers
from layerctl.ops.mends.mender import Mender, Unrepairable
from layerctl.ops.mends.rebuild import prune, rebuild
from layerctl.store.durable import exchange
from layerctl.store.record import dump_record

if TYPE_CHECKING:
    from layerctl.model.delta import Delta


def mend_directory(mender: Mender, problem: Problem) -> None:
    """Builds a layer or a compacted run anew; once for all problems in it."""
    folder = _folder(mender, problem)
    if folder not in mender.handled:
        mender.handled[folder] = None
        try:
            _check_unmounted(mender, folder / "fs", problem)
            if folder.parent == mender.layout.compacted:
                _mend_run(mender, folder, problem)
            else:
                _mend_layer(mender, folder, problem)
        except Unrepairable as exc:
            mender.handled[folder] = exc
    failed = mender.handled[folder]
    if failed is not None:
        raise failed


def mend_descriptor(mender: Mender, problem: Problem) -> None:
    """Writes a layer folder's descriptor as the commit has it."""
    folder = mender.path(problem).parent
    _write_descriptor(mender, folder)


def drop(mender: Mender, problem: Problem) -> None:
    """Deletes a compacted run that nothing needs, or sets aside a layer that no commit has."""
    folder = _folder(mender, problem)
    _check_unmounted(mender, folder / "fs", problem)
    if folder.parent == mender.layout.compacted:
        _delete_run(mender, folder)
    else:
        mender.set_aside(folder)


def mend_run_record(mender: Mender, problem: Problem) -> None:
    """Writes a compacted run's record, which follows from its name."""
    folder = _folder(mender, problem)
    found = delta_of_run(mender.survey, folder.name)
    if found is None or not (folder / "fs").is_dir():
        drop(mender, problem)
        return
    _, top, below = found
    mender.replace_file(
        folder / "run.json", dump_record({"below": below.hex if below is not None else None, "top": top.id.hex})
    )


def _folder(mender: Mender, problem: Problem) -> Path:
    """The folder of the layer or run that a problem is in."""
    parts = Path(os.fsdecode(problem.path)).parts
    depth = 3 if parts[1:2] == (mender.layout.compacted.name,) else 2
    if parts[0] != mender.layout.layers.name or len(parts) < depth:
        raise Unrepairable("it is in no layer")
    return mender.layout.root.joinpath(*parts[:depth])


def _check_unmounted(mender: Mender, fs: Path, problem: Problem) -> None:
    holder = MountedLayers(mender.survey).holder(fs, problem.commits)
    if holder is not None:
        raise Unrepairable(holder)


def _mend_layer(mender: Mender, folder: Path, problem: Problem) -> None:
    delta = delta_of_layer(mender.survey, LayerId(folder.name))
    if delta is None:
        if not problem.commits:
            mender.set_aside(folder)
            return
        raise Unrepairable("what it must hold cannot be told")
    _replace(mender, folder, delta)
    if not (folder / "layer.json").is_file():
        _write_descriptor(mender, folder)


def _mend_run(mender: Mender, folder: Path, problem: Problem) -> None:
    """Rebuilds a run; where that fails, a run is dropped unless it may be all that is left of a layer."""
    found = delta_of_run(mender.survey, folder.name)
    try:
        if found is None:
            raise Unrepairable("what it must hold cannot be told")
        _replace(mender, folder, found[0])
    except Unrepairable:
        if any(_spoils_a_layer(other) for other in mender.survey.problems):
            raise
        _delete_run(mender, folder)


def _spoils_a_layer(problem: Problem) -> bool:
    in_layers = problem.path.startswith(b"layers/") and not problem.path.startswith(b"layers/compacted/")
    return problem.severity is Severity.ERROR and in_layers


def _delete_run(mender: Mender, folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="fsck-", dir=mender.layout.tmp, ignore_cleanup_errors=True) as name:
        os.rename(folder, Path(name, "run"))
        mender.durability.sync_dir(folder.parent)
        remove_tree(Path(name, "run"))


def _replace(mender: Mender, folder: Path, delta: Delta) -> None:
    """Puts a directory that is built anew in the place of a damaged or missing one.

    Raises:
        Unrepairable: nothing would be better than before.
    """
    staging = Path(tempfile.mkdtemp(prefix="fsck-", dir=mender.layout.tmp))
    drop_inherited_acls(bytes(staging))
    old, new = folder / "fs", staging / "fs"
    new.mkdir(mode=0o700)
    try:
        copies = Copies(mender, staging)
        reader = TreeReader(mender.survey.namespace, quick=False, digests={})
        before, after = rebuild(old, new, delta, copies, reader, mender.survey.namespace)
        if after and not os.path.lexists(old):
            raise Unrepairable(f"no whole copy of {os.fsdecode(min(after))} was found")
        if not after < before:
            raise Unrepairable("no whole copy of it was found")
        mender.durability.sync_filesystem(mender.layout.root)
        _put(mender, old, new)
    finally:
        remove_tree(staging)


def _put(mender: Mender, old: Path, new: Path) -> None:
    if not os.path.lexists(old):
        old.parent.mkdir(mode=0o700, exist_ok=True)
        os.rename(new, old)
        mender.durability.sync_dir(old.parent)
        mender.durability.sync_dir(old.parent.parent)
        return
    exchange(old, new)
    mender.durability.sync_dir(old.parent)
    with suppress(OSError):
        if prune(new, old):
            mender.set_aside(new, old)


def _write_descriptor(mender: Mender, folder: Path) -> None:
    owners = mender.survey.owners().get(LayerId(folder.name), [])
    if not owners or owners[0].layer is None:
        raise Unrepairable("no commit says what it was")
    text = layer_document(owners[0].layer.id, owners[0].layer, mender.survey.namespace)
    mender.replace_file(folder / "layer.json", text.encode())
