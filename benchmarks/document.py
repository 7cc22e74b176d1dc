"""The results for programs: one JSON document."""

from __future__ import annotations

import json
from dataclasses import asdict

from benchmarks.report import OURS
from benchmarks.results import Report, Row


def document(report: Report) -> str:
    """Everything that was measured, with medians, and every peer's ratio to layerctl."""
    ours = {row.title: row.median for row in report.rows if row.tool == OURS and not row.group}
    content = {
        "machine": report.machine,
        "versions": report.versions,
        "options": report.options,
        "rows": [_row(row, ours.get(row.title)) for row in report.rows],
    }
    return json.dumps(content, indent=1) + "\n"


def _row(row: Row, ours: float | None) -> dict[str, object]:
    fields = {key: value for key, value in asdict(row).items() if value not in ("", (), None)}
    times = row.median / ours if ours and row.median is not None and row.tool != OURS and not row.group else None
    return {**fields, "median": row.median, "times_layerctl": times}
