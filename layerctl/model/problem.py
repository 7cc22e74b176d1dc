"""What ``fsck`` finds."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.ids import CommitId


class Severity(Enum):
    """How bad a problem is.

    ``error``: data is missing or is not what it says it is. ``warning``: nothing is lost, but something is not as it
    should be and may be in the way. ``note``: leftovers that harm nobody, and gaps where nothing needs what is gone.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@frozen
class Problem:
    """One thing that is not as it should be.

    Attributes:
        severity: how bad it is.
        kind: a stable kebab-case name for scripts.
        path: relative to ``.layerctl``, raw bytes.
        commits: the commits that cannot be had whole because of it, oldest first where known.
        text: what is wrong, a few words for people.
        repairable: whether ``--repair`` may put it right, as far as can be told by looking.
    """

    severity: Severity
    kind: str
    path: bytes
    text: str
    commits: tuple[CommitId, ...] = ()
    repairable: bool = False

    @property
    def identity(self) -> tuple[str, bytes]:
        """What makes it the same problem in two runs."""
        return self.kind, self.path


@frozen
class Checked:
    """How much was looked at.

    Attributes:
        objects: Git objects.
        commits: commits that some ref or record leads to.
        layers: layers.
        runs: compacted runs.
        files: files and directories in layers and runs.
        size: bytes of content that were read.
    """

    objects: int = 0
    commits: int = 0
    layers: int = 0
    runs: int = 0
    files: int = 0
    size: int = 0


@frozen
class FsckResult:
    """What a check found and did.

    Attributes:
        problems: what is wrong now, the worst first.
        repaired: what was wrong and is not any more.
        checked: how much was looked at.
        quick: whether contents were left unread.
        report: the folder with the report of a repair; None if nothing was repaired.
    """

    problems: tuple[Problem, ...]
    repaired: tuple[Problem, ...]
    checked: Checked
    quick: bool
    report: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing worse than notes is left."""
        return all(problem.severity is Severity.NOTE for problem in self.problems)
