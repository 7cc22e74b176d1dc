"""Operation records."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from layerctl.model.operation import FileMove, Operation, RefMove, Rename


def test_an_operation_comes_back_from_json() -> None:
    operation = Operation(
        number=7,
        time=datetime(2026, 1, 2, 3, 4, 5, 678, timezone(timedelta(hours=-3, minutes=-30))),
        author="Ann <a@x>",
        verb="commit",
        description="commit -m 'ü\n'",
        moves=(
            RefMove("refs/heads/main", None, "a" * 40, "why"),
            RefMove("refs/heads/x", "b" * 40, None, keep=True),
            FileMove("worktrees/w/HEAD", "old\n", None),
            Rename("a", "b/c", keep=True),
        ),
        undoes=3,
    )
    assert Operation.from_json(json.loads(json.dumps(operation.to_json()))) == operation
