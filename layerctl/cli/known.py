"""Names that a repository knows, for shell completion: read from its files, so that no library has to be loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from layerctl.values import frozen

_DOT = ".layerctl"
_SAMPLE = ".sample"


@frozen
class Known:
    """What can be named.

    Attributes:
        folder: ``.layerctl``; None where there is no repository.
    """

    folder: Path | None

    @classmethod
    def around(cls, start: Path) -> Known:
        """Of the repository that a command in a directory would find."""
        places = (folder / _DOT for folder in (start, *start.parents))
        return cls(next((place for place in places if (place / "format").is_file()), None))

    def branches(self) -> list[str]:
        """Short names of branches, sorted."""
        return self._refs("refs/heads/")

    def tags(self) -> list[str]:
        """Short names of tags, sorted."""
        return self._refs("refs/tags/")

    def revisions(self) -> list[str]:
        """Names that stand for commits: HEAD, branches, tags."""
        return ["HEAD", *self.branches(), *self.tags()] if self.folder is not None else []

    def worktrees(self) -> list[str]:
        """Names of worktrees, sorted."""
        return _children(self.folder / "worktrees") if self.folder is not None else []

    def hooks(self) -> list[str]:
        """Names of hooks and samples in the repository's own folder, sorted."""
        if self.folder is None:
            return []
        found = set()
        for name in _children(self.folder / "hooks"):
            if name.endswith(".d"):
                event = name.removesuffix(".d")
                found |= {f"{event}.{child}" for child in _children(self.folder / "hooks" / name)}
            else:
                found.add(name.removesuffix(_SAMPLE))
        return sorted(found)

    def _refs(self, prefix: str) -> list[str]:
        if self.folder is None:
            return []
        git = self.folder / "git"
        packed = (name.removeprefix(prefix) for name in _packed(git) if name.startswith(prefix))
        return sorted(name for name in {*_loose(git / prefix), *packed} if name.isprintable())


def _children(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.isprintable())
    except OSError:
        return []


def _loose(folder: Path) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        for name in names:
            if not name.endswith(".lock"):
                yield os.path.relpath(os.path.join(place, name), folder)


def _packed(git: Path) -> Iterator[str]:
    """Names in ``packed-refs``: lines of an id and a name."""
    with suppress(OSError), open(git / "packed-refs", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            name = line.rstrip("\n").partition(" ")[2]
            if name and not line.startswith("#"):
                yield name
