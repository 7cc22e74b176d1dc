"""Ages as Git's configuration spells them: ``30 days``, ``2.weeks.ago``, ``now``, ``never``."""

from __future__ import annotations

import re
from datetime import timedelta

from layerctl.errors import UsageError

_AGE = re.compile(r"(\d{1,6})[ .]?(second|minute|hour|day|week|month|year)s?(?:[ .]ago)?\Z")
_UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}


def parse_age(text: str) -> timedelta | None:
    """How long something is kept; None is for ever.

    Raises:
        UsageError: it is no age.
    """
    words = text.strip().lower()
    if words in ("never", "false"):
        return None
    if words in ("now", "all"):
        return timedelta(0)
    match = _AGE.match(words)
    if match is None:
        raise UsageError(f"{text!r} is no age", hint="write '30 days', '2 weeks', 'now' or 'never'")
    return int(match[1]) * _UNITS[match[2]]
