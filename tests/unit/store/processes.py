"""Other processes that work with a repository, and die."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROJECT = Path(__file__).parents[3]


def start(program: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """Runs Python code that says "ready" and then waits for its input to end."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=_PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def end(process: subprocess.Popen[str], *, kill: bool = False) -> None:
    """Lets it end by itself, or kills it so that it can clean up nothing."""
    assert process.stdin is not None and process.stdout is not None
    if kill:
        process.kill()
    process.stdin.close()
    process.wait()
    process.stdout.close()
