"""What each verb loads while it does its work on a real repository: modules are what start-up time is made of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import Repo

_CODE = """
import sys
from layerctl.cli import main
status = main(sys.argv[2:])
loaded = sorted(name for name in sys.modules if sys.modules[name] is not None)
open(sys.argv[1], "w").write("\\n".join(loaded))
sys.exit(status)
"""

#: Modules that a verb loads, layerctl's own and all: no more than these. To raise one is to make the verb slower.
LIMITS: dict[tuple[str, ...], tuple[int, int]] = {
    ("log",): (78, 179),
    ("status",): (99, 202),
    ("diff",): (104, 210),
    ("commit", "--allow-empty", "-m", "x"): (111, 218),
    ("run", "true"): (106, 221),
    ("rollback", "HEAD"): (100, 204),
    ("checkout",): (101, 204),
    ("tag",): (79, 180),
    ("branch",): (78, 179),
}
#: What takes long to load, and what these verbs can do without.
SLOW = (
    "pygit2",
    "rich",
    "typer",
    "dataclasses",
    "inspect",
    "pydantic",
    "ssl",
    "asyncio",
    "email",
    "http",
    "multiprocessing",
    "concurrent",
    "zstandard",
)


@pytest.mark.parametrize("words", LIMITS, ids=" ".join)
def test_a_verb_loads_what_it_uses(repo: Repo, tmp_path: Path, words: tuple[str, ...]) -> None:
    found = tmp_path / "modules"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", _CODE, found, *words], cwd=repo.top, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    loaded = found.read_text().split()
    assert {name.partition(".")[0] for name in loaded} & set(SLOW) == set()
    own = [name for name in loaded if name.partition(".")[0] == "layerctl"]
    most_own, most = LIMITS[words]
    assert (len(own), len(loaded)) <= (most_own, most), own
