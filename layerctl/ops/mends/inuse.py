"""Which layers are mounted: what happens when one is changed under a mount is undefined.

Source: kernel ``Documentation/filesystems/overlayfs.rst``, "Changes to underlying filesystems".
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.model.ids import CommitId
from layerctl.model.operation import FileMove
from layerctl.mount.lowers import overlay_options
from layerctl.mount.overlay import is_upper_in_use

if TYPE_CHECKING:
    from layerctl.ops.checks.survey import Survey


class MountedLayers:
    """What of the store lies under a mount, visible or not.

    Mounts that can be seen name their directories. Of one that cannot (detached, or seen under other names), the write
    layer is marked by the kernel, and what lies below it follows from the commit that it lies on.

    Args:
        survey: what is known of the repository.
    """

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._options = overlay_options()
        self._bases: set[CommitId] = set()
        self._all_by: Path | None = None
        for upper, base in self._uppers():
            if is_upper_in_use(upper, survey.layout.tmp):
                if base is None:
                    self._all_by = upper
                else:
                    self._bases.add(base)

    def holder(self, fs: Path, commits: tuple[CommitId, ...]) -> str | None:
        """Why a layer or compacted run must be left alone; None if it need not be.

        Args:
            fs: its directory.
            commits: those whose rootfs may be mounted through it.
        """
        if any(os.fsencode(fs) in options for options in self._options):
            return "it is mounted; unmount every rootfs that uses it, and try again"
        if self._all_by is not None:
            place = self._all_by.relative_to(self._survey.layout.root)
            return f"something still uses the write layer {place}, and what is mounted below that is not known"
        if self._bases.intersection(commits):
            return "a process still uses a rootfs that it is part of; end it, and try again"
        return None

    def _uppers(self) -> list[tuple[Path, CommitId | None]]:
        layout = self._survey.layout
        found: list[tuple[Path, CommitId | None]] = []
        for worktree in self._survey.worktrees.values():
            base = worktree.record.base if worktree.record is not None else None
            found.append((layout.worktrees / worktree.name / "upper", base))
        found += [(path, self._parked_base(path)) for path in layout.parked.glob("*/upper")]
        found += [(path, self._parked_base(path.parent)) for path in layout.parked.glob("*/worktree/upper")]
        found += [(path, None) for path in (*layout.tmp.glob("*/upper"), *layout.tmp.glob("*/*/upper"))]
        return [(path, base) for path, base in found if path.is_dir()]

    def _parked_base(self, path: Path) -> CommitId | None:
        """The commit that a parked write layer lies on, as the operation that parked it found it."""
        name = path.parent.name
        operation = self._survey.operations.get(int(name)) if name.isdecimal() else None
        for move in operation.moves if operation is not None else ():
            if isinstance(move, FileMove) and move.path.endswith("/worktree.json") and move.old is not None:
                try:
                    return CommitId(json.loads(move.old)["base"])
                except (ValueError, KeyError, TypeError):
                    return None
        return None
