"""The guide "A team's hooks", followed word for word."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.cli import Repo

GUIDE = Path(__file__).parents[2] / "docs/guides/team-hooks.md"
COMMIT = re.compile(r"(?<=\[main )[0-9a-f]{7,}(?=\])")


def steps() -> Iterator[tuple[str, str]]:
    """Each command with what the guide says that it prints."""
    for block in re.findall(r"^```console\n(.*?)^```$", GUIDE.read_text(), re.M | re.S):
        for step in re.split(r"^# (?=[a-z])", block, flags=re.M)[1:]:
            yield split(step)


def split(step: str) -> tuple[str, str]:
    """A command ends with its first line, or with its here-document."""
    first, _, rest = step.partition("\n")
    if "<<'END'" not in first:
        return first, rest
    document, _, output = rest.partition("END\n")
    return f"{first}\n{document}END", output


def test_every_step_does_what_it_says(hooked: Repo) -> None:
    env = hooked.cli.environment({"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org"})
    env |= {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org"}
    subprocess.run(["git", "init", "-q", hooked.top], env=env, check=True)
    done = 0
    for command, wanted in steps():
        shell = ["sh", "-c", f"exec 2>&1; {command}"]
        result = subprocess.run(shell, cwd=hooked.top, env=env, capture_output=True, text=True)
        said = result.stdout.replace(f"{hooked.top}/", "")
        assert COMMIT.sub("1a2b3c4", said) == wanted or (not wanted and quiet(said)), command
        refuses = "refused" in wanted
        assert (result.returncode != 0) == refuses, (command, said)
        done += 1
    assert done > 20


def quiet(said: str) -> bool:
    """Where the guide shows nothing, it may still be the note of a rollback or a tag."""
    return said.count("\n") <= 3 and not said.startswith(("layerctl:", "error", "fatal"))
