"""Compacted runs: that each holds what lies between the two commits that it stands for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Damaged, UsageError
from layerctl.model.ids import CommitId
from layerctl.ops.checks.layers import check_directory, expected_delta
from layerctl.ops.checks.survey import FoundCommit, Survey, names_in
from layerctl.ops.checks.tree import TreeReader
from layerctl.store.record import load_record

if TYPE_CHECKING:
    from layerctl.model.delta import Delta

_NAME = re.compile(r"([0-9a-f]{40})-(\d{1,3})\Z")
_RADIX = 4


def check_runs(survey: Survey) -> None:
    """Checks every compacted run."""
    reader = TreeReader(survey.namespace, quick=survey.quick, digests=survey.digests)
    for number, name in enumerate(survey.run_names):
        survey.progress("checking compacted runs", number, len(survey.run_names))
        folder = survey.layout.compacted / name
        match = _NAME.match(name)
        if match is None:
            survey.stray(folder)
            continue
        top = survey.commits.get(CommitId(match[1]))
        if top is None:
            survey.note("unused-run", folder, "belongs to no commit that anything leads to", repairable=True)
        else:
            _check(survey, reader, folder, top, int(match[2]))
    survey.bytes_read += reader.bytes_read


def _check(survey: Survey, reader: TreeReader, folder: Path, top: FoundCommit, level: int) -> None:
    commits = survey.descendants((top.id,))
    for name in names_in(folder):
        if name not in ("fs", "run.json"):
            survey.stray(folder / name)
    below, known = _below(survey, top, level)
    try:
        path = folder / "run.json"
        record = load_record(path.read_bytes(), path)
        stated = CommitId(record["below"]) if record["below"] is not None else None
        same = (record["top"], stated) == (top.id.hex, below)
    except (OSError, Damaged, UsageError, KeyError, TypeError):
        survey.error("damaged-run", folder / "run.json", "cannot be read", commits=commits, repairable=True)
        return
    if known and not same:
        text = "does not name the commits that the run stands for"
        survey.error("damaged-run", folder / "run.json", text, commits=commits, repairable=True)
        return
    _check_content(survey, reader, folder, top, stated, commits)


def delta_of_run(survey: Survey, name: str) -> tuple[Delta, FoundCommit, CommitId | None] | None:
    """What a compacted run must hold, its top and the commit below it; None if that cannot be told."""
    match = _NAME.match(name)
    top = survey.commits.get(CommitId(match[1])) if match is not None else None
    if match is None or top is None or top.snapshot is None:
        return None
    below, known = _below(survey, top, int(match[2]))
    base = survey.commits.get(below) if below is not None else None
    if not known or (below is not None and (base is None or base.snapshot is None)):
        return None
    try:
        delta = expected_delta(survey, base.snapshot if base is not None else None, top.snapshot)
    except Damaged:
        return None
    return delta, top, below


def _check_content(
    survey: Survey,
    reader: TreeReader,
    folder: Path,
    top: FoundCommit,
    below: CommitId | None,
    commits: tuple[CommitId, ...],
) -> None:
    base = survey.commits.get(below) if below is not None else None
    if top.snapshot is None or (below is not None and (base is None or base.snapshot is None)):
        return
    try:
        delta = expected_delta(survey, base.snapshot if base is not None else None, top.snapshot)
    except Damaged:
        return
    check_directory(survey, reader, folder / "fs", delta, commits)


def _below(survey: Survey, top: FoundCommit, level: int) -> tuple[CommitId | None, bool]:
    """The commit under a run, and whether it could be found out."""
    here: FoundCommit | None = top
    below: CommitId | None = None
    for _ in range(_RADIX**level if level < 16 else 0):
        if here is None:
            return None, False
        below = here.parent
        here = survey.commits.get(below) if below is not None else None
        if below is None:
            break
    return below, True
