"""Ages as Git's configuration spells them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from layerctl.errors import UsageError
from layerctl.model.age import parse_age


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("now", timedelta(0)),
        ("all", timedelta(0)),
        ("never", None),
        ("false", None),
        ("30 days", timedelta(days=30)),
        ("1 day", timedelta(days=1)),
        ("2.weeks.ago", timedelta(weeks=2)),
        (" 3 Months ago ", timedelta(days=90)),
        ("10minutes", timedelta(minutes=10)),
    ],
)
def test_ages(text: str, age: timedelta | None) -> None:
    assert parse_age(text) == age


@pytest.mark.parametrize(
    "text", ["", "days", "-1 day", "1", "1.5 days", "1 fortnight", "yesterday", "9999999 days", "1 day x"]
)
def test_no_ages(text: str) -> None:
    with pytest.raises(UsageError):
        parse_age(text)
