"""What every repair works with."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import LayerctlError
from layerctl.layer.remove import remove_tree
from layerctl.mount.worktree import unmount_below
from layerctl.store.durable import Durability
from layerctl.values import field, record

if TYPE_CHECKING:
    from layerctl.model.problem import Problem
    from layerctl.ops.checks.survey import Survey
    from layerctl.store.layout import Layout

LOST = "lost+found"


class Unrepairable(LayerctlError):
    """A problem that stays; the message says why."""


@record
class Mender:
    """One run of repairs. Nothing that could be of use to anybody is deleted: it is set aside.

    Attributes:
        layout: the repository's folders.
        survey: what the last look found.
        sources: directories and archives that may hold copies of what is lost.
        durability: everything is synced.
        done: how many repairs were made.
        refused: why a problem stays, by its identity.
        aside: what was set aside, relative to the repository.
        handled: directories that this round has dealt with, and why they stay as they are if they do.
        stamp: names this run's folder in ``lost+found``.
    """

    layout: Layout
    survey: Survey
    sources: tuple[str, ...] = ()
    durability: Durability = field(default_factory=Durability)
    done: int = 0
    refused: dict[tuple[str, bytes], str] = field(default_factory=dict)
    aside: list[str] = field(default_factory=list)
    handled: dict[Path, Unrepairable | None] = field(default_factory=dict)
    stamp: str = field(default_factory=lambda: datetime.now().strftime("%Y%m%d-%H%M%S-%f"))

    def path(self, problem: Problem) -> Path:
        """Where a problem is."""
        return self.layout.root / os.fsdecode(problem.path)

    @property
    def lost(self) -> Path:
        """Where this run keeps what it sets aside, and its report."""
        return self.layout.root / LOST / self.stamp

    def set_aside(self, path: Path, was: Path | None = None) -> None:
        """Moves something to ``lost+found``; does nothing if it is not there.

        Args:
            path: where it is.
            was: where it was before; the same by default.
        """
        if not os.path.lexists(path):
            return
        relative = (was or path).relative_to(self.layout.root)
        target = self._free(self.lost / relative)
        os.rename(path, target)
        self.durability.sync_dir(target.parent)
        self.durability.sync_dir(path.parent)
        self.aside.append(os.fspath(relative))

    def keep_copy(self, path: Path) -> None:
        """Copies a small file to ``lost+found`` before it is written anew; a missing one is no matter."""
        if path.is_file():
            relative = path.relative_to(self.layout.root)
            self.durability.write(self._free(self.lost / relative), path.read_bytes())
            self.aside.append(os.fspath(relative))

    def _free(self, target: Path) -> Path:
        """A name in ``lost+found`` that is not taken; its parents are made."""
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = 1
        free = target
        while os.path.lexists(free):
            number += 1
            free = target.with_name(f"{target.name}.{number}")
        return free

    def replace_file(self, path: Path, data: bytes) -> None:
        """Writes a small file anew, and keeps what it was."""
        self.keep_copy(path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            self.set_aside(path)
        self.durability.write(path, data)

    def delete(self, path: Path) -> None:
        """Deletes garbage."""
        if path.is_dir() and not path.is_symlink():
            if not unmount_below(path):
                raise Unrepairable("something is mounted in it and in use")
            remove_tree(path)
        else:
            path.unlink(missing_ok=True)
        if os.path.lexists(path):
            raise Unrepairable("it cannot be deleted")

    def write_report(self, problems: tuple[Problem, ...], repaired: tuple[Problem, ...]) -> str:
        """Writes what was done; returns the folder, absolute."""
        self.lost.mkdir(mode=0o700, parents=True, exist_ok=True)
        report = {
            "time": datetime.now().astimezone().isoformat(),
            "repaired": [_row(problem) for problem in repaired],
            "problems": [_row(problem) for problem in problems],
            "set_aside": self.aside,
        }
        self.durability.write(self.lost / "report.json", json.dumps(report, indent=1).encode() + b"\n")
        self.durability.sync_dir(self.lost.parent)
        self.durability.sync_dir(self.layout.root)
        return os.fspath(self.lost)


def _row(problem: Problem) -> dict[str, object]:
    return {
        "severity": problem.severity.value,
        "kind": problem.kind,
        "path": os.fsdecode(problem.path),
        "message": problem.text,
        "commits": [commit.hex for commit in problem.commits],
    }
