"""What a command loads: start-up time is most of what a user waits for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SLOW = ("pygit2", "rich", "pydantic", "layerctl.ops", "layerctl.store", "tempfile", "socket", "getpass")


def loaded(*words: str, environment: dict[str, str] | None = None) -> set[str]:
    code = "import sys; from layerctl.cli import main; main(sys.argv[1:]); sys.stderr.write('\\n'.join(sys.modules))"
    env = {"PATH": "/bin", "PYTHONPATH": str(ROOT), **(environment or {})}
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, env=env, check=True)
    return set(done.stderr.splitlines())


@pytest.mark.parametrize("words", [("--version",), ("--help",), ("completion", "bash"), ("log", "--help")])
def test_nothing_slow_is_loaded_for_nothing(words: tuple[str, ...]) -> None:
    assert {name for name in SLOW if name in loaded(*words)} - {"socket"} == set()


def test_one_verb_loads_no_other() -> None:
    commands = {name for name in loaded("status", "--help") if name.startswith("layerctl.cli.commands.")}
    assert commands == {"layerctl.cli.commands.status"}
    assert not {name for name in loaded("--help") if name.startswith("layerctl.cli.commands.")}


def test_completion_loads_no_repository() -> None:
    assert not {"pygit2", "rich", "pydantic", "layerctl.ops"} & loaded(
        "diff", "", environment={"_LAYERCTL_COMPLETE": "bash"}
    )


def test_a_verb_that_prints_a_history_needs_neither_rich_nor_pydantic() -> None:
    names = loaded("log", "--nope")
    assert "layerctl.cli.commands.log" in names
    assert not {"rich", "pydantic"} & names


@pytest.mark.parametrize(
    ("words", "environment", "most"),
    [(("--version",), {}, 22), (("diff", "--st"), {"_LAYERCTL_COMPLETE": "bash"}, 102)],
    ids=["--version", "completion"],
)
def test_what_a_shell_asks_for_loads_little(words: tuple[str, ...], environment: dict[str, str], most: int) -> None:
    """Modules beyond those that the interpreter loads for itself: to raise the number is to make it slower."""
    names = loaded(*words, environment=environment) - _BARE
    assert "typer" not in names
    assert len(names) <= most, names


_BARE = set(
    subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    ).stdout.split()
)
