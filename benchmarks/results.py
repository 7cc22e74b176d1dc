"""What was measured, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.clock import Sample


@dataclass(frozen=True, slots=True)
class Row:
    """One tool in one scenario.

    Attributes:
        scenario: its short name, which ``--only`` takes.
        title: the same in words, with the variant, if there are several.
        tool: who did it.
        unit: of the values: "s" or "bytes" or "commits".
        values: one a run.
        cpu: seconds of processor time, one a run; empty where it was not measured.
        rss: bytes, the peak of the largest process, one a run.
        daemon_rss: bytes, peaks of the daemons, one a run.
        note: what the reader must know about the figure, or why there is none.
        group: rows of a scenario that are one curve over ``at``, if they are.
        at: where on that curve.
    """

    scenario: str
    title: str
    tool: str
    unit: str = "s"
    values: tuple[float, ...] = ()
    cpu: tuple[float, ...] = ()
    rss: tuple[int, ...] = ()
    daemon_rss: tuple[int, ...] = ()
    note: str = ""
    group: str = ""
    at: int | None = None

    @property
    def median(self) -> float | None:
        """None if there is no figure."""
        return median(self.values) if self.values else None

    @property
    def peak(self) -> int:
        """Bytes of memory, daemons included; 0 where it was not measured."""
        return max(self.rss, default=0) + max(self.daemon_rss, default=0)


def timed(scenario: str, title: str, tool: str, samples: Sequence[Sample], **more: object) -> Row:
    """A row of seconds from what the clock says."""
    return Row(
        scenario,
        title,
        tool,
        values=tuple(sample.seconds for sample in samples),
        cpu=tuple(sample.cpu for sample in samples),
        rss=tuple(sample.rss for sample in samples),
        daemon_rss=tuple(sample.daemon_rss for sample in samples),
        **more,  # type: ignore[arg-type]
    )


@dataclass(frozen=True, slots=True)
class Report:
    """All of it.

    Attributes:
        machine: what it ran on.
        versions: of the tools.
        options: how it was run.
        rows: in the order of measuring.
    """

    machine: dict[str, object]
    versions: dict[str, str]
    options: dict[str, object]
    rows: list[Row] = field(default_factory=list)
