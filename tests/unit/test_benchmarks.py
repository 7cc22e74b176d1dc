"""``benchmarks/`` still works with the layerctl that it measures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.xdist_group("benchmarks")


def _bench(output: Path, *scenarios: str) -> dict[str, dict[str, float]]:
    """Runs scenarios with layerctl alone, in their small version; medians by scenario and title."""
    own = ["--quick", "--tools", "layerctl", "--output", output, "--markdown", output / "tables.md"]
    command = [sys.executable, "-m", "benchmarks", *own, "--only", *scenarios]
    done = subprocess.run(command, cwd=_CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((output / "results.json").read_text())["rows"]
    medians: dict[str, dict[str, float]] = {}
    for row in rows:
        medians.setdefault(row["scenario"], {})[row["title"]] = row["median"]
        assert row["tool"] == "layerctl"
        assert f"| {row['title']}" in (output / "tables.md").read_text()
    return medians


def test_the_scenarios_that_peers_take_part_in(tmp_path: Path) -> None:
    medians = _bench(tmp_path, "import", "commit-one", "back", "log")
    assert [*medians] == ["import", "commit-one", "back", "log"]
    assert all(median > 0 for titles in medians.values() for median in titles.values())


def test_the_scenarios_of_long_histories_and_of_a_day(tmp_path: Path) -> None:
    medians = _bench(tmp_path, "deep", "day")
    assert medians["deep"]["directories that are mounted"] > 2
    assert {"commit one file", "find, all of the rootfs", "stat of a missing path, first"} < {*medians["deep"]}
    assert all(median > 0 for titles in medians.values() for median in titles.values())
