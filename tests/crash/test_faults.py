"""Full disks and failing ones (trap 41): a sample; ``make faults`` does them all."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.crash.cases import CASES, Case
from tests.crash.faults import fail, fallible, fill, run_on_a_full_disk
from tests.crash.powercut import Machine, machine
from tests.crash.sweep import Area

_POINTS = 3
_FULL = ("import", "commit", "commit of a busy rootfs", "rollback", "compaction")


@pytest.fixture(scope="module")
def small() -> Iterator[Machine]:
    """A machine with a small disk."""
    with machine("ext4", seed=0) as box:
        yield box


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_call_that_fails_is_a_clear_error_and_changes_nothing_by_halves(area: Area, case: Case) -> None:
    template = area.template(case)
    calls = fallible(template)
    for number in range(_POINTS):
        call = calls[(len(calls) - 1) * (2 * number + 1) // (2 * _POINTS)]
        fail(area, template, call, ("EIO", "ENOSPC")[number % 2])


@pytest.mark.parametrize("case", [case for case in CASES if case.name in _FULL], ids=str)
def test_a_full_disk_is_a_clear_error_and_space_is_all_it_takes(small: Machine, case: Case) -> None:
    outcomes = [run_on_a_full_disk(small, case, blocks) for blocks in (0, 6)]
    assert outcomes[0] == "before"


def test_a_disk_is_filled_to_the_block(small: Machine) -> None:
    filler = fill(small.disk.point, 20)
    (small.disk.point / "sixteen more").write_bytes(b"x" * 16 * os.statvfs(small.disk.point).f_frsize)
    (small.disk.point / "sixteen more").unlink()
    filler.unlink()
    filler = fill(small.disk.point, 0)
    with pytest.raises(OSError, match="No space"):
        (small.disk.point / "one more").write_bytes(b"x" * 4096)
    (small.disk.point / "one more").unlink(missing_ok=True)
    filler.unlink()
