"""Commits, their trees and their snapshots: that everything which is needed is there and can be understood."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from layerctl.errors import Damaged, UsageError
from layerctl.model.config import ImageConfig
from layerctl.model.ids import CommitId, ObjectId
from layerctl.model.layer import LayerDescriptor
from layerctl.model.problem import Severity
from layerctl.ops.checks.snapshots import SnapshotReader
from layerctl.ops.checks.survey import FoundCommit, Survey
from layerctl.store.rawgit import MissingObject, parse_commit, parse_tag
from layerctl.values import replace

_ROW = re.compile(rb"(\d+) ([^\0]+)\0(.{20})", re.DOTALL)
_WANTED = {b"config.json": b"100644", b"layer.json": b"100644", b"rootfs": b"40000"}


def check_commits(survey: Survey) -> None:
    """Walks the history and reads what each commit consists of."""
    bad: dict[ObjectId, str] = {}
    found = _walk(survey, bad)
    reader = SnapshotReader(survey.git, thorough=not survey.quick)
    reached: dict[ObjectId, list[CommitId]] = {}
    for number, commit in enumerate(found):
        survey.progress("checking commits", number, len(found))
        read, broken = _contents(survey, commit, bad)
        if read.snapshot is not None:
            broken |= reader.check(read.snapshot)
        survey.commits[read.id] = read
        for oid in broken:
            reached.setdefault(oid, []).append(read.id)
    _report(survey, {**bad, **reader.bad}, reached)


def resolve_tag(survey: Survey, oid: str) -> CommitId | None:
    """The commit that an id leads to, through tags; the id itself if it names nothing that can be read.

    Raises:
        Damaged: it leads to something that is no commit.
    """
    for _ in range(16):
        try:
            item = survey.git.find(ObjectId(bytes.fromhex(oid)))
        except Damaged:
            return CommitId(oid)
        if item.kind == "commit":
            return CommitId(oid)
        if item.kind != "tag":
            raise Damaged(f"leads to a {item.kind}, not to a commit")
        oid, _ = parse_tag(item.data)
    raise Damaged("leads through too many tags")


def _walk(survey: Survey, bad: dict[ObjectId, str]) -> list[FoundCommit]:
    """All commits that something leads to, parents first."""
    found: dict[CommitId, FoundCommit] = {}
    missing: dict[CommitId, bool] = {}
    for starts, needed in ((survey.roots, True), (survey.mentions, False)):
        todo: list[CommitId] = sorted(starts, reverse=True)
        while todo:
            here = todo.pop()
            if here in found or here in missing:
                continue
            commit = _read(survey, here, needed, bad, missing)
            if commit is not None:
                found[here] = commit
                todo += commit.parents
    _report_missing(survey, missing, found, bad)
    return _parents_first(found)


def _read(
    survey: Survey, commit: CommitId, needed: bool, bad: dict[ObjectId, str], missing: dict[CommitId, bool]
) -> FoundCommit | None:
    oid = ObjectId(bytes.fromhex(commit.hex))
    try:
        item = survey.git.find(oid)
        if item.kind != "commit":
            raise Damaged(f"is a {item.kind}, not a commit")
        raw = parse_commit(item.data)
        return FoundCommit(commit, tuple(map(CommitId, raw.parents)), needed, raw.tree)
    except MissingObject:
        bad[oid] = "is missing"
    except Damaged as exc:
        bad[oid] = exc.message
    missing[commit] = needed
    return None


def _report_missing(
    survey: Survey, missing: dict[CommitId, bool], found: dict[CommitId, FoundCommit], bad: dict[ObjectId, str]
) -> None:
    """Commits that cannot be read, with those that grow on them; what a log alone names may have gone for good."""
    survey.commits = dict(found)
    for commit, needed in missing.items():
        oid = ObjectId(bytes.fromhex(commit.hex))
        text = bad.pop(oid)
        children = tuple(item.id for item in found.values() if commit in item.parents)
        affected = (commit, *survey.descendants(children)) if children else (commit,)
        severity = Severity.ERROR if needed or children else Severity.NOTE
        kind = "missing-object" if text == "is missing" else "broken-object"
        text = f"the commit {text}" if kind == "missing-object" else text
        _replace(survey, severity, kind, oid, text, affected)
    survey.commits = {}


def _parents_first(found: dict[CommitId, FoundCommit]) -> list[FoundCommit]:
    order: list[FoundCommit] = []
    done: set[CommitId] = set()
    for start in found.values():
        stack = [(start, False)]
        while stack:
            commit, ready = stack.pop()
            if ready:
                order.append(commit)
            elif commit.id not in done:
                done.add(commit.id)
                stack.append((commit, True))
                stack += [(found[parent], False) for parent in commit.parents if parent in found]
    return order


def _contents(survey: Survey, commit: FoundCommit, bad: dict[ObjectId, str]) -> tuple[FoundCommit, set[ObjectId]]:
    """The commit with what its tree leads to, and which of its own objects are bad."""
    try:
        rows = _rows(survey, commit.tree)
    except Damaged as exc:
        bad[commit.tree] = "is missing" if isinstance(exc, MissingObject) else exc.message
        return commit, {commit.tree}
    broken: set[ObjectId] = set()
    commit = replace(commit, snapshot=rows[b"rootfs"], config=rows[b"config.json"])
    descriptor = None
    for oid, parse in ((rows[b"config.json"], ImageConfig.from_bytes), (rows[b"layer.json"], _descriptor)):
        try:
            value = parse(survey.git.read(oid))
            descriptor = value if isinstance(value, LayerDescriptor) else None
        except MissingObject:
            bad[oid] = "is missing"
            broken.add(oid)
        except (Damaged, UsageError, ValueError, KeyError, TypeError, AttributeError) as exc:
            bad[oid] = exc.message if isinstance(exc, Damaged) else "cannot be understood"
            broken.add(oid)
    return replace(commit, layer=descriptor), broken


def _descriptor(data: bytes) -> LayerDescriptor:
    return LayerDescriptor.from_json(json.loads(data))


def _rows(survey: Survey, tree: ObjectId) -> dict[bytes, ObjectId]:
    item = survey.git.find(tree)
    found = {match[2]: (match[1], ObjectId(match[3])) for match in _ROW.finditer(item.data)}
    if item.kind != "tree" or {name: mode for name, (mode, _) in found.items()} != _WANTED:
        raise Damaged("is no tree of an image commit")
    return {name: oid for name, (_, oid) in found.items()}


def _report(survey: Survey, bad: dict[ObjectId, str], reached: dict[ObjectId, list[CommitId]]) -> None:
    for oid, text in bad.items():
        commits = tuple(reached.get(oid, ()))
        kind = "missing-object" if text == "is missing" else "broken-object"
        needed = any(survey.commits[commit].needed for commit in commits)
        _replace(survey, Severity.ERROR if needed else Severity.NOTE, kind, oid, text, commits)


def _replace(
    survey: Survey, severity: Severity, kind: str, oid: ObjectId, text: str, commits: Iterable[CommitId]
) -> None:
    """Reports an object, in place of what was said of it before anybody knew what needs it."""
    path = survey.git.loose_path(oid)
    place = bytes(path.relative_to(survey.layout.root))
    before = [problem for problem in survey.problems if problem.path == place and problem.kind == "broken-object"]
    for problem in before:
        survey.problems.remove(problem)
    if before and severity is Severity.NOTE:
        severity = Severity.WARNING
    survey.report(severity, kind, path, text, commits=tuple(commits), repairable=True)
