"""Power cuts on real filesystems (trap 40): a sample; ``make power-cut`` does many rounds."""

from __future__ import annotations

import pytest

from tests.crash.cases import CASES
from tests.crash.powercut import machine

_ROUNDS = (("commit", True), ("rollback", True), ("import", False), ("commit of a busy rootfs", False))


@pytest.mark.parametrize("fstype", ["ext4", "xfs"])
def test_what_returned_is_there_and_what_was_interrupted_is_whole_or_not_there(fstype: str) -> None:
    by_name = {case.name: case for case in CASES}
    with machine(fstype, seed=41) as box:
        for name, returned in _ROUNDS:
            reached = box.round(by_name[name], returned=returned)
            assert reached == "after" or not returned
