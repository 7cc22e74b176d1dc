"""Dates as Git understands them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from layerctl.cli.dates import parse_date
from layerctl.errors import UsageError

NOW = datetime(2026, 3, 4, 12, 0, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2020-02-03T04:05:06+02:00", "2020-02-03T04:05:06+02:00"),
        ("2020-02-03T04:05:06Z", "2020-02-03T04:05:06+00:00"),
        ("2020-02-03 04:05:06 +0200", "2020-02-03T04:05:06+02:00"),
        ("2020-02-03 04:05:06.789 +0200", "2020-02-03T04:05:06+02:00"),
        ("@0", "1970-01-01T00:00:00+00:00"),
        ("1580695506 -0130", "2020-02-03T00:35:06-01:30"),
        ("@1580695506 +0200", "2020-02-03T04:05:06+02:00"),
        ("1580695506", "2020-02-03T02:05:06+00:00"),
        ("Mon, 3 Feb 2020 04:05:06 +0200", "2020-02-03T04:05:06+02:00"),
        ("Mon Feb 3 04:05:06 2020 +0200", "2020-02-03T04:05:06+02:00"),
        ("now", "2026-03-04T12:00:00+00:00"),
        ("yesterday", "2026-03-03T12:00:00+00:00"),
        ("2 hours ago", "2026-03-04T10:00:00+00:00"),
        ("1.week.ago", "2026-02-25T12:00:00+00:00"),
    ],
)
def test_dates(text: str, iso: str) -> None:
    assert parse_date(text, NOW).isoformat() == iso


@pytest.mark.parametrize("text", ["2020-02-03", "2020-02-03 04:05:06", "Mon Feb 3 04:05:06 2020"])
def test_without_a_zone_it_is_the_machines(text: str) -> None:
    date = parse_date(text)
    local = date.astimezone().replace(tzinfo=None)
    assert date.tzinfo is not None
    assert local.date() == datetime(2020, 2, 3).date()


@pytest.mark.parametrize(
    "text", ["", "soon", "20-02-03", "@", "@x", "12", "Mon, x", "2020-13-01", "@99999999999999999999"]
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(UsageError):
        parse_date(text)


def test_offsets_are_kept() -> None:
    assert parse_date("@0 -0800").utcoffset() == timedelta(hours=-8)
