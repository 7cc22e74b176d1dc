"""The repository's Git config, which may be damaged."""

from __future__ import annotations

import tempfile
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


def config_with(old: bytes, values: dict[str, str], scratch: Path) -> bytes:
    """A config file's content with other values.

    Args:
        old: the content before; may be empty.
        values: by key.
        scratch: a folder for a temporary copy, which libgit2 edits.
    """
    with tempfile.TemporaryDirectory(prefix="config-", dir=scratch) as folder:
        copy = Path(folder, "config")
        copy.write_bytes(old)
        config = pygit2.Config(str(copy))
        for key, value in values.items():
            config[key] = value
        return copy.read_bytes()
