"""Dates as Git understands them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from layerctl.errors import UsageError

_EPOCH = re.compile(r"@?(\d+)(?: ([+-])(\d\d):?(\d\d))?\Z")
_AGO = re.compile(r"(\d+)[ .](second|minute|hour|day|week)s?[ .]ago\Z")
_GIT_DEFAULT = "%a %b %d %H:%M:%S %Y %z"


def parse_date(text: str, now: datetime | None = None) -> datetime:
    """A date with its time zone; the machine's where none is named.

    Understands ISO 8601, ``@1700000000`` and ``1700000000 +0200``, RFC 2822, Git's default format, ``now``,
    ``yesterday`` and ``2 hours ago``.

    Raises:
        UsageError: it is none of these.
    """
    text = text.strip()
    now = now or datetime.now().astimezone()
    for parse in (_epoch, _iso, _rfc, _git, lambda text: _relative(text, now)):
        date = parse(text)
        if date is not None:
            return (date if date.tzinfo is not None else date.astimezone()).replace(microsecond=0)
    raise UsageError(
        f"'{text}' is not a date", hint="for example 2026-02-03T04:05:06+01:00, @1700000000, '2 hours ago'"
    )


def _epoch(text: str) -> datetime | None:
    match = _EPOCH.match(text)
    if match is None or (not text.startswith("@") and len(match[1]) < 9):
        return None
    offset = timedelta(hours=int(match[3] or 0), minutes=int(match[4] or 0))
    zone = timezone(-offset if match[2] == "-" else offset) if match[2] else UTC
    try:
        return datetime.fromtimestamp(int(match[1]), zone)
    except (OverflowError, ValueError, OSError):
        return None


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(re.sub(r" (?=[+-]\d\d:?\d\d\Z)", "", text))
    except ValueError:
        return None


def _rfc(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if "," in text else None
    except ValueError:
        return None


def _git(text: str) -> datetime | None:
    for form in (_GIT_DEFAULT, _GIT_DEFAULT.removesuffix(" %z")):
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return None


def _relative(text: str, now: datetime) -> datetime | None:
    if text in ("now", "today"):
        return now
    if text == "yesterday":
        return now - timedelta(days=1)
    match = _AGO.match(text)
    return now - timedelta(**{f"{match[2]}s": int(match[1])}) if match is not None else None
