"""Refs and reflogs, and what else Git needs to open the repository."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Damaged
from layerctl.model.ids import CommitId, ObjectId
from layerctl.ops.checks.commits import resolve_tag
from layerctl.store.rawrefs import (
    RawRef,
    bad_packed_lines,
    head_target,
    read_reflog,
    read_refs,
    reflog_names,
)
from layerctl.store.refs import is_ref_name

if TYPE_CHECKING:
    from layerctl.ops.checks.survey import Survey

_LOCK_SECONDS = 1.0
_BRANCHES = "refs/heads/"
#: Notes of plain Git (git-notes(1)): their commits hold text, not images.
_NOTES = "refs/notes/"


def check_refs(survey: Survey) -> None:
    """Reads all refs and reflogs, and looks for locks that nobody holds."""
    git = survey.layout.git
    if head_target(git) is None:
        survey.error("damaged-head", git / "HEAD", "names no branch", repairable=True)
    for number in bad_packed_lines(git):
        survey.error("damaged-ref", git / "packed-refs", f"line {number} is no ref")
    for ref in read_refs(git):
        survey.refs[ref.name] = ref
        _check_ref(survey, ref)
    _check_reflogs(survey)
    _check_locks(survey)


def _check_ref(survey: Survey, ref: RawRef) -> None:
    path = survey.layout.git / ref.path
    if not is_ref_name(ref.name):
        survey.error("damaged-ref", path, "is not a valid name for a ref", repairable=True)
    elif ref.target is None:
        survey.error("damaged-ref", path, "holds no object id", repairable=_last_of(survey, ref.name) is not None)
    elif ref.target.startswith("ref: "):
        survey.error("damaged-ref", path, f"names another ref, {ref.target[5:]}")
    else:
        _check_target(survey, ref, path, ref.target)


def _check_target(survey: Survey, ref: RawRef, path: Path, target: str) -> None:
    if not survey.git.has(ObjectId(bytes.fromhex(target))):
        last = _last_of(survey, ref.name)
        survey.error(
            "ref-to-nowhere",
            path,
            f"{ref.name} leads to {target[:7]}, which does not exist",
            commits=(CommitId(target),),
            repairable=last is not None and last != target,
        )
        return
    if ref.name.startswith(_NOTES):
        return
    try:
        commit = resolve_tag(survey, target)
        if ref.name.startswith(_BRANCHES) and commit is not None and commit.hex != target:
            raise Damaged("leads to a tag, not to a commit")
    except Damaged as exc:
        survey.error("ref-to-nowhere", path, f"{ref.name} {exc.message}")
        return
    if commit is not None:
        survey.roots.add(commit)


def last_good(survey: Survey, name: str) -> str | None:
    """The newest id in a ref's reflog, if that object exists."""
    return _last_of(survey, name)


def _last_of(survey: Survey, name: str) -> str | None:
    ids, _ = read_reflog(survey.layout.git, name)
    return ids[-1] if ids and survey.git.has(ObjectId(bytes.fromhex(ids[-1]))) else None


def _check_reflogs(survey: Survey) -> None:
    git = survey.layout.git
    for name in reflog_names(git):
        if name.endswith(".lock"):
            continue
        ids, bad = read_reflog(git, name)
        path = git / "logs" / name
        if bad:
            text = f"line{'s'[: len(bad) != 1]} {', '.join(map(str, bad))} cannot be understood"
            survey.warning("damaged-reflog", path, text, repairable=True)
        known = [oid for oid in ids if survey.git.has(ObjectId(bytes.fromhex(oid)))]
        if len(known) < len(ids):
            survey.note("reflog-to-nowhere", path, f"names commits that are gone ({len(ids) - len(known)})")
        for oid in known if not name.startswith(_NOTES) else ():
            try:
                commit = resolve_tag(survey, oid)
            except Damaged:
                continue
            if commit is not None:
                survey.mentions.add(commit)


def _check_locks(survey: Survey) -> None:
    """Plain Git holds a lock for milliseconds, and layerctl none while this is looked at."""
    found = _locks(survey)
    if any(time.time() - stamp < _LOCK_SECONDS for stamp in found.values()):
        time.sleep(_LOCK_SECONDS)
    for path, stamp in _locks(survey).items():
        if found.get(path) == stamp:
            text = "was left by a command that was killed, and blocks others"
            survey.warning("stale-lock", path, text, repairable=True)


def _locks(survey: Survey) -> dict[Path, float]:
    found: dict[Path, float] = {}
    git = survey.layout.git
    for path in (*git.glob("*.lock"), *git.glob("refs/**/*.lock"), *git.glob("logs/**/*.lock")):
        try:
            found[path] = path.stat(follow_symlinks=False).st_mtime
        except FileNotFoundError:
            continue
    return found
