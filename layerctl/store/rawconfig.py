"""The repository's Git config, which may be damaged."""

from __future__ import annotations

from pathlib import Path

import pygit2

#: What is in there from the start and must stay so.
REQUIRED = {
    "core.bare": "true",
    "core.repositoryFormatVersion": "0",
    "core.logAllRefUpdates": "always",
    "gc.auto": "0",
}


def read_config(git: Path) -> dict[str, str] | None:
    """All values, keys in lower case; None if the file is missing or cannot be parsed."""
    path = git / "config"
    if not path.is_file():
        return None
    try:
        return {entry.name: entry.value or "" for entry in pygit2.Config(str(path))}
    except (pygit2.GitError, OSError, ValueError, UnicodeDecodeError):
        return None


def write_config(git: Path, values: dict[str, str]) -> None:
    """Sets values; the file is made if there is none."""
    config = pygit2.Config(str(git / "config"))
    for key, value in values.items():
        config[key] = value
