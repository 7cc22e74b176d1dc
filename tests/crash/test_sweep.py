"""A command that is killed between any two system calls (trap 41): a sample; ``make crash-sweep`` does them all."""

from __future__ import annotations

import pytest

from tests.crash.cases import CASES, Case
from tests.crash.sweep import Area, kill, sample

_POINTS = 4


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_killed_command_is_before_or_after_and_the_next_one_works(area: Area, case: Case) -> None:
    template = area.template(case)
    outcomes = [
        kill(area, template, template.calls[index], reboot=number % 3 == 1)
        for number, index in enumerate(sample(template, _POINTS))
    ]
    assert outcomes[0] == "before"
    # A command that is no operation changes nothing that the user sees; it is given again, and must end well.
    assert outcomes[-1] in (("before", "done") if case.piecewise else ("after", "done"))
