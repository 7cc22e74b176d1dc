"""What the verbs return. A name's module is loaded when the name is first used: making many classes takes long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerctl.lazy import loader

if TYPE_CHECKING:
    from layerctl.model.results.commit import CommitResult, ImportResult
    from layerctl.model.results.going_back import RestoreOperationResult, RollbackResult, UndoResult
    from layerctl.model.results.history import Diff, LogEntry, PathView
    from layerctl.model.results.names import Branch, ReflogLine, Tag
    from layerctl.model.results.status import Status
    from layerctl.model.results.upkeep import Check, DiskUsage, Freed, GcResult, Share
    from layerctl.model.results.worktree import CheckoutResult, WorktreeInfo

__getattr__ = loader(
    __name__,
    {
        "Branch": "names",
        "Check": "upkeep",
        "CheckoutResult": "worktree",
        "CommitResult": "commit",
        "Diff": "history",
        "DiskUsage": "upkeep",
        "Freed": "upkeep",
        "GcResult": "upkeep",
        "ImportResult": "commit",
        "LogEntry": "history",
        "PathView": "history",
        "ReflogLine": "names",
        "RestoreOperationResult": "going_back",
        "RollbackResult": "going_back",
        "Share": "upkeep",
        "Status": "status",
        "Tag": "names",
        "UndoResult": "going_back",
        "WorktreeInfo": "worktree",
    },
)

__all__ = [
    "Branch",
    "Check",
    "CheckoutResult",
    "CommitResult",
    "Diff",
    "DiskUsage",
    "Freed",
    "GcResult",
    "ImportResult",
    "LogEntry",
    "PathView",
    "ReflogLine",
    "RestoreOperationResult",
    "RollbackResult",
    "Share",
    "Status",
    "Tag",
    "UndoResult",
    "WorktreeInfo",
]
