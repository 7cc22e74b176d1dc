"""Getting Git objects back: from another copy of them, or from the layers that they describe."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Damaged, LayerctlError
from layerctl.layer.scan import LayerScanner
from layerctl.model.ids import ObjectId
from layerctl.ops.mends.mender import Mender, Unrepairable
from layerctl.snapshot.apply import apply_scan
from layerctl.store.pack import read_pack
from layerctl.store.rawgit import RawObject
from layerctl.store.staged import StagedObjects

if TYPE_CHECKING:
    from layerctl.model.problem import Problem
    from layerctl.ops.checks.survey import FoundCommit

_PLACE = re.compile(rb"git/objects/([0-9a-f]{2})/([0-9a-f]{38})\Z")


def mend_object(mender: Mender, problem: Problem) -> None:
    """Sets a broken copy aside if there is a whole one or nothing needs it; else makes the object anew."""
    match = _PLACE.match(problem.path)
    if match is None:
        raise Unrepairable("it is inside of a pack")
    oid = ObjectId(bytes.fromhex((match[1] + match[2]).decode()))
    path = mender.survey.git.loose_path(oid)
    if _is_packed(mender, oid) or (problem.kind == "broken-object" and not problem.commits):
        mender.set_aside(path)
        return
    if _is_whole(mender, oid):
        return  # made together with another one
    for commit in [commit for commit in mender.survey.commits.values() if commit.id in problem.commits]:
        _derive(mender, commit)
        if _is_whole(mender, oid):
            return
    raise Unrepairable("no copy of it is left, and no layer has what it says")


def _is_packed(mender: Mender, oid: ObjectId) -> bool:
    try:
        mender.survey.git.read_packed(oid)
    except Damaged:
        return False
    return mender.survey.git.loose_path(oid).exists()


def _is_whole(mender: Mender, oid: ObjectId) -> bool:
    try:
        mender.survey.git.find(oid)
    except Damaged:
        return False
    return True


def _derive(mender: Mender, commit: FoundCommit) -> None:
    """Makes the objects of a snapshot anew from its layer's files and the snapshot below."""
    survey = mender.survey
    parent = survey.commits.get(commit.parent) if commit.parent is not None else None
    if commit.layer is None or commit.snapshot is None or (commit.parent is not None and parent is None):
        return
    objects = StagedObjects(survey.git)
    try:
        fs = os.open(mender.layout.layers / commit.layer.id.hex / "fs", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            scan = LayerScanner(survey.namespace, progress=survey.progress).scan(fs)
        finally:
            os.close(fs)
        snapshot = apply_scan(objects, parent.snapshot if parent is not None else None, scan)
    except (LayerctlError, OSError, ValueError, KeyError):
        return
    if snapshot != commit.snapshot:
        return
    for oid, is_tree, data in objects.staged():
        if not _is_whole(mender, oid):
            mender.keep_copy(survey.git.loose_path(oid))
            survey.git.write_loose(RawObject("tree" if is_tree else "blob", data))
    mender.durability.sync_filesystem(mender.layout.root)


def mend_pack(mender: Mender, problem: Problem) -> None:
    """Writes what can be read of a pack as files of their own, then sets the pack aside."""
    git = mender.survey.git
    name = mender.path(problem).stem
    with tempfile.TemporaryDirectory(prefix="fsck-", dir=mender.layout.tmp) as scratch:
        found = git.salvage(name, Path(scratch))
    if not git.has_whole_index(name):
        found += _unindexed(git.pack_path(name, ".pack"))
    if not found and git.pack_path(name, ".pack").exists():
        raise Unrepairable("nothing in it can be read")
    for item in found:
        git.write_loose(item)
    mender.durability.sync_filesystem(mender.layout.root)
    for path in (git.path / "objects/pack").glob(f"{name}.*"):
        mender.set_aside(path)


def _unindexed(path: Path) -> list[RawObject]:
    """What can be read of a pack without its index.

    Raises:
        Unrepairable: it holds differences between objects, which need it.
    """
    try:
        objects, differences = read_pack(path.read_bytes())
    except OSError:
        return []
    if differences:
        raise Unrepairable("it needs its index; 'git index-pack' may make one")
    return [RawObject(kind, data) for kind, data in objects]
