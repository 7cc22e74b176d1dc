"""The pending operation, the operation log, and what operations have set aside."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from layerctl.errors import Damaged, UsageError
from layerctl.model.ids import CommitId, ObjectId
from layerctl.model.operation import Operation, RefMove, Rename
from layerctl.ops.checks.commits import resolve_tag
from layerctl.ops.checks.survey import Survey, names_in
from layerctl.store.record import load_record
from layerctl.store.refs import is_ref_name

_NAME = re.compile(r"(\d{10})\.json\Z")
_PARKED = {"upper", "work", "mount", "worktree"}
_HEX = re.compile(r"[0-9a-f]{40}\Z")


def check_journal(survey: Survey) -> None:
    """Reads every record."""
    folder = survey.layout.journal
    for name in names_in(folder):
        if name == "pending.json":
            _check_pending(survey, folder / name)
        elif name == "expired.json":
            _check_expired(survey, folder / name)
        elif name != "ops":
            survey.stray(folder / name)
    damaged = {number for name in names_in(folder / "ops") if (number := _check_name(survey, folder / "ops" / name))}
    numbers = sorted(survey.operations.keys() | damaged)
    if numbers:
        for number in sorted(set(range(numbers[0], numbers[-1])) - set(numbers)):
            path = folder / "ops" / f"{number:010d}.json"
            survey.warning("missing-operation", path, "is missing between others", repairable=True)
    _check_parked(survey)


def _check_pending(survey: Survey, path: Path) -> None:
    try:
        survey.pending = _load(path)
    except (Damaged, OSError) as exc:
        text = exc.message if isinstance(exc, Damaged) else f"cannot be read: {exc.strerror}"
        survey.error("damaged-pending-operation", path, text, repairable=True)
        return
    survey.error("stuck-operation", path, f"the operation '{survey.pending.verb}' was begun and cannot be finished")
    survey.roots |= set(_commits(survey, survey.pending, new=True))


def _check_expired(survey: Survey, path: Path) -> None:
    """Reads what says up to which operation gc let go."""
    try:
        int(load_record(path.read_bytes(), path)["through"])
    except (Damaged, OSError, KeyError, ValueError, TypeError) as exc:
        survey.error("damaged-operation", path, exc.message if isinstance(exc, Damaged) else "cannot be read")


def _check_name(survey: Survey, path: Path) -> int | None:
    """Reads a record of the log; its number if that is all that can be told."""
    match = _NAME.match(path.name)
    if match is None:
        survey.stray(path)
        return None
    number = int(match[1])
    try:
        operation = _load(path)
        if operation.number != number:
            raise Damaged(f"says that it is operation {operation.number}")
    except (Damaged, OSError) as exc:
        text = exc.message if isinstance(exc, Damaged) else f"cannot be read: {exc.strerror}"
        survey.error("damaged-operation", path, text, repairable=True)
        return number
    survey.operations[number] = operation
    survey.mentions |= set(_commits(survey, operation))
    return None


def _load(path: Path) -> Operation:
    """Reads a record.

    Raises:
        Damaged: it is not one.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    try:
        operation = Operation.from_json(load_record(data, path))
        _check_moves(operation)
    except Damaged as exc:
        raise Damaged("does not match its checksum" if "checksum" in exc.message else "cannot be read") from exc
    except (UsageError, KeyError, ValueError, TypeError, AttributeError) as exc:
        raise Damaged("cannot be understood") from exc
    return operation


def _check_moves(operation: Operation) -> None:
    for move in operation.moves:
        if isinstance(move, RefMove):
            ids = [oid for oid in (move.old, move.new) if oid is not None]
            if not is_ref_name(move.ref) or not all(map(_HEX.match, ids)):
                raise ValueError(move.ref)
        else:
            for path in (move.source, move.target) if isinstance(move, Rename) else (move.path,):
                if not path or path.startswith("/") or ".." in PurePosixPath(path).parts:
                    raise ValueError(path)


def _commits(survey: Survey, operation: Operation, *, new: bool = False) -> list[CommitId]:
    """The commits that an operation moved refs from and to, as far as they are there."""
    found = []
    for move in operation.moves:
        if isinstance(move, RefMove):
            for oid in (move.new,) if new else (move.old, move.new):
                if oid is not None and survey.git.has(ObjectId(bytes.fromhex(oid))):
                    found.append(oid)
    return [commit for oid in found if (commit := _commit(survey, oid)) is not None]


def _commit(survey: Survey, oid: str) -> CommitId | None:
    try:
        return resolve_tag(survey, oid)
    except Damaged:
        return None


def _check_parked(survey: Survey) -> None:
    for name in names_in(survey.layout.parked):
        folder = survey.layout.parked / name
        if not name.isdecimal() or not folder.is_dir():
            survey.note("unknown-file", folder, "belongs to no operation")
            continue
        for below in names_in(folder):
            if below not in _PARKED:
                survey.note("unknown-file", folder / below, "is nothing that layerctl knows")
        if "upper" in names_in(folder) and not os.path.isdir(folder / "upper"):
            survey.error("missing-write-layer", folder / "upper", "is no directory")
