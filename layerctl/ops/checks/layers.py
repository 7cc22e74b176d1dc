"""Layers: what each commit's layer must hold, by its snapshots, and what the layer's directory holds."""

from __future__ import annotations

import json
import re
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Damaged
from layerctl.layer.identity import layer_id
from layerctl.model.ids import CommitId, LayerId, ObjectId
from layerctl.model.problem import Severity
from layerctl.ops.adopt import Census, layer_document
from layerctl.ops.checks.survey import FoundCommit, Survey, names_in
from layerctl.ops.checks.tree import TreeReader, differences
from layerctl.snapshot.compare import compare
from layerctl.snapshot.delta import LazyDelta, make_delta
from layerctl.values import field_names

if TYPE_CHECKING:
    from layerctl.model.delta import Delta, LayerListing
    from layerctl.model.layer import LayerDescriptor

_LAYER = re.compile(r"[0-9a-f]{64}\Z")


def check_layers(survey: Survey) -> None:
    """Checks every layer that a commit has, then those that no commit has."""
    reader = TreeReader(survey.namespace, quick=survey.quick, digests=survey.digests)
    done: set[LayerId] = set()
    owners = survey.owners()
    for number, commit in enumerate(list(survey.commits.values())):
        survey.progress("checking layers", number, len(survey.commits))
        delta = _expected(survey, commit)
        if commit.layer is None or commit.layer.id in done:
            continue
        if delta is not None:
            done.add(commit.layer.id)
            _check_layer(survey, reader, commit.layer, owners[commit.layer.id], delta)
    known = {layer.hex for layer in done}
    for layer in owners.keys() - done:
        known.add(layer.hex)
        if layer.hex in survey.layer_names:
            _check_by_id(survey, reader, layer.hex, affected(survey, owners[layer]))
        else:
            _missing(survey, layer, owners[layer])
    for name in survey.layer_names:
        if not _LAYER.match(name):
            survey.stray(survey.layout.layers / name)
        elif name not in known:
            _check_by_id(survey, reader, name, ())
    survey.bytes_read += reader.bytes_read


def affected(survey: Survey, owners: list[FoundCommit]) -> tuple[CommitId, ...]:
    """The commits whose rootfs has a layer in it."""
    return survey.descendants(tuple(commit.id for commit in owners))


def expected_delta(survey: Survey, below: ObjectId | None, snapshot: ObjectId) -> Delta:
    """What lies between two snapshots.

    Raises:
        Damaged: a Git object that is needed is broken.
    """
    try:
        return make_delta(survey.git, snapshot, compare(survey.git, below, snapshot))
    except (KeyError, ValueError) as exc:
        raise Damaged("a snapshot cannot be understood") from exc


def delta_of_layer(survey: Survey, layer: LayerId) -> Delta | None:
    """What a layer must hold; None if that cannot be told."""
    for commit in survey.owners().get(layer, ()):
        parent = survey.commits.get(commit.parent) if commit.parent is not None else None
        if commit.snapshot is None or (commit.parent is not None and (parent is None or parent.snapshot is None)):
            continue
        try:
            delta = expected_delta(survey, parent.snapshot if parent is not None else None, commit.snapshot)
        except Damaged:
            continue
        if layer_id(delta) == layer:
            return delta
    return None


def _expected(survey: Survey, commit: FoundCommit) -> LayerListing | None:
    """What a commit's layer must hold; None if that cannot be told, which has been reported then."""
    parent = survey.commits.get(commit.parent) if commit.parent is not None else None
    unknown = commit.parent is not None and (parent is None or parent.snapshot is None)
    if commit.snapshot is None or commit.layer is None or unknown:
        return None
    below = parent.snapshot if parent is not None else None
    try:
        delta = LazyDelta(survey.git, below, commit.snapshot)
        census = Census(delta)
        deque(census.sorted(), maxlen=0)
        stated = commit.layer
        depth = 0 if parent is None else parent.layer.depth + 1 if parent.layer is not None else stated.depth
        computed = census.descriptor(stated.quiescence, depth=depth, diff_id=stated.diff_id)
    except (Damaged, KeyError, ValueError):
        return None
    return delta if _compare_descriptors(survey, commit, stated, computed) else None


def _compare_descriptors(
    survey: Survey, commit: FoundCommit, stated: LayerDescriptor, computed: LayerDescriptor
) -> bool:
    """Whether a commit names the layer that it has; reports whatever its descriptor has wrong."""
    path = survey.git.loose_path(ObjectId(bytes.fromhex(commit.id.hex)))
    if stated.id != computed.id:
        text = f"the commit's snapshots make the layer {computed.id.hex[:12]}, and it names {stated.id.hex[:12]}"
        survey.error("wrong-layer-id", path, text, commits=(commit.id,))
        return False
    wrong = [name for name in field_names(stated) if getattr(stated, name) != getattr(computed, name)]
    if wrong:
        text = f"the commit's layer.json is wrong about {', '.join(wrong)}"
        survey.error("wrong-descriptor", path, text, commits=(commit.id,))
    return True


def _check_layer(
    survey: Survey, reader: TreeReader, layer: LayerDescriptor, owners: list[FoundCommit], delta: LayerListing
) -> None:
    if layer.id.hex not in survey.layer_names:
        _missing(survey, layer.id, owners)
        return
    folder = survey.layout.layers / layer.id.hex
    commits = affected(survey, owners)
    if check_directory(survey, reader, folder / "fs", delta, commits):
        _check_folder(survey, folder, commits, layer)


def check_directory(
    survey: Survey, reader: TreeReader, fs: Path, delta: LayerListing, commits: tuple[CommitId, ...]
) -> bool:
    """Compares a layer's directory with what it must hold; False if it is not there at all."""
    try:
        tree = reader.read(fs, delta)
    except OSError as exc:
        survey.error("missing-layer", fs, f"cannot be opened: {exc.strerror}", commits=commits, repairable=True)
        return False
    survey.files_seen += len(tree)
    for found in differences(tree, delta):
        place = bytes(fs) + (b"/" + found.path if found.path else b"")
        survey.error(found.kind, place, found.text, commits=commits, repairable=True)
    return True


def _missing(survey: Survey, layer: LayerId, owners: list[FoundCommit]) -> None:
    """A layer that is not there; after a clean-up, one that only a log leads to may well be gone."""
    severity = Severity.ERROR if any(commit.needed for commit in owners) else Severity.NOTE
    path = survey.layout.layers / layer.hex
    commits = affected(survey, owners)
    survey.report(severity, "missing-layer", path, "is missing", commits=commits, repairable=True)


def _check_folder(survey: Survey, folder: Path, commits: tuple[CommitId, ...], layer: LayerDescriptor | None) -> None:
    path = folder / "layer.json"
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        found = None
    wanted = layer_document(layer.id, layer, survey.namespace) if layer is not None else None
    if found is None or (wanted is not None and found != json.loads(wanted)):
        text = "cannot be read" if found is None else "does not say what its commit says"
        survey.warning("damaged-descriptor", path, text, commits=commits, repairable=wanted is not None)
    for name in names_in(folder):
        if name not in ("fs", "layer.json"):
            survey.stray(folder / name)


def _check_by_id(survey: Survey, reader: TreeReader, name: str, commits: tuple[CommitId, ...]) -> None:
    """A layer of which nothing else is known to be right: its content must give its id."""
    fs = survey.layout.layers / name / "fs"
    severity = Severity.ERROR if commits else Severity.WARNING
    try:
        tree = reader.read(fs)
    except OSError as exc:
        text = f"cannot be opened: {exc.strerror}"
        survey.report(severity, "missing-layer", fs, text, commits=commits, repairable=not commits)
        return
    survey.files_seen += len(tree)
    _check_folder(survey, fs.parent, commits, None)
    if survey.quick and not tree.unreadable:
        return
    if tree.unreadable or tree.opaque or layer_id(tree).hex != name:
        text = "does not hold what its id stands for"
        if not commits:
            text += "; no commit has it"
        survey.report(severity, "damaged-layer", fs, text, commits=commits, repairable=not commits)
