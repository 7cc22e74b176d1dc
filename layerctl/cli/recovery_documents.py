"""The documents of ``--json`` of verbs that get something back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from layerctl.cli import documents

if TYPE_CHECKING:
    from layerctl.model.recovery import (
        BisectResult,
        RestoreResult,
        RevertResult,
        Stash,
        StashResult,
        Trial,
        UnstashResult,
    )
    from layerctl.model.results import Diff


def restore(value: RestoreResult) -> dict[str, Any]:
    """Paths that were put back."""
    return {"source": value.source.hex, "changes": [documents.change(item) for item in value.changes]}


def revert(value: RevertResult) -> dict[str, Any]:
    """A commit that was taken back."""
    return {
        "reverted": value.reverted.hex,
        "commit": value.commit.hex if value.commit is not None else None,
        "branch": value.branch,
        "operation": value.operation,
        "changes": [documents.change(item) for item in value.changes],
    }


def stash(value: Stash) -> dict[str, Any]:
    """Changes that are set aside."""
    return {
        "name": value.name,
        "commit": value.commit.id.hex,
        "parent": value.commit.parent.hex if value.commit.parent is not None else None,
        "message": value.commit.message,
        "date": value.commit.date.isoformat(),
    }


def stashed(value: StashResult) -> dict[str, Any]:
    """Changes that were set aside."""
    return {"commit": value.commit.hex, "message": value.message, "operation": value.operation}


def unstashed(value: UnstashResult) -> dict[str, Any]:
    """Changes that were brought back."""
    return {
        "commit": value.commit.hex,
        "dropped": value.dropped,
        "operation": value.operation,
        "changes": [documents.change(item) for item in value.changes],
    }


def bisection(value: BisectResult, difference: Diff | None) -> dict[str, Any]:
    """Where a search is; with the change of the commit that it found."""
    found = {} if difference is None else {"changes": [documents.change(item) for item in difference.changes]}
    return {
        "state": value.state,
        "commit": value.commit.hex if value.commit is not None else None,
        "candidates": [item.hex for item in value.candidates],
        "bad": value.bad.hex if value.bad is not None else None,
        "good": [item.hex for item in value.good],
        "skipped": [item.hex for item in value.skipped],
        **found,
    }


def trial(value: Trial) -> dict[str, Any]:
    """A command that was tried."""
    return {
        "status": value.status,
        "commit": value.commit.hex if value.commit is not None else None,
        "branch": value.branch,
        "operation": value.operation,
        "changes": [documents.change(item) for item in value.changes],
    }
