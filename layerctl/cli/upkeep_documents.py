"""The documents of ``--json`` for verbs that keep a repository in order, one function a kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from layerctl.cli import documents

if TYPE_CHECKING:
    from layerctl.model.hook import HookInfo, HookRun
    from layerctl.model.problem import FsckResult, Problem
    from layerctl.model.results import Check, DiskUsage, GcResult, Share


def collected(value: GcResult) -> dict[str, Any]:
    """What nothing needed."""
    freed = {kind: {"count": item.count, "bytes": item.size} for kind, item in value.freed.items()}
    return {
        "dry_run": value.dry_run,
        "bytes": value.size,
        **freed,
        "let_go": value.through,
        "in_use": list(value.in_use),
    }


def disk_usage(value: DiskUsage, commits: Iterable[Share]) -> dict[str, Any]:
    """What takes how much on disk."""
    return {
        "bytes": value.size,
        "parts": dict(value.parts),
        "branches": [_share(item) for item in value.branches],
        "tags": [_share(item) for item in value.tags],
        "worktrees": [_share(item) for item in value.worktrees],
        "commits": [_share(item, "commit") for item in commits],
    }


def _share(value: Share, key: str = "name") -> dict[str, Any]:
    return {key: value.name, "bytes": value.size, "alone": value.alone}


def check(value: Check) -> dict[str, Any]:
    """One finding of ``doctor``."""
    return {
        "name": value.name,
        "ok": value.ok,
        "needed": value.needed,
        "detail": value.detail,
        "hint": value.hint,
    }


def hook(value: HookInfo) -> dict[str, Any]:
    """One hook or sample."""
    return {
        "name": value.name,
        "event": value.event,
        "state": value.state.value,
        "path": value.path,
        "summary": value.summary,
    }


def hook_run(value: HookRun) -> dict[str, Any]:
    """How a hook ended that was tried."""
    return {"name": value.name, "status": value.status, "problem": value.problem}


def problem(value: Problem) -> dict[str, Any]:
    """One thing that is not as it should be."""
    return {
        "severity": value.severity.value,
        "kind": value.kind,
        **documents.path(value.path),
        "message": value.text,
        "commits": [item.hex for item in value.commits],
        "repairable": value.repairable,
    }


def fsck(value: FsckResult) -> dict[str, Any]:
    """What a check found."""
    checked = value.checked
    return {
        "ok": value.ok,
        "quick": value.quick,
        "checked": {
            "objects": checked.objects,
            "commits": checked.commits,
            "layers": checked.layers,
            "runs": checked.runs,
            "files": checked.files,
            "bytes": checked.size,
        },
        "problems": [problem(item) for item in value.problems],
        "repaired": [problem(item) for item in value.repaired],
        "report": value.report,
    }
