"""Dates and instants in the text forms of the API.

Rows keep instants as `2013-05-07T22:07:19.000+0000` (always UTC, whole seconds) and dates as
`2013-05-07`. Both sort as text in order of time, so filters and sorts compare them as they stand.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from email.utils import format_datetime, parsedate_to_datetime

_INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d{1,9})?(Z|[+-]\d{2}:?\d{2})\Z", re.IGNORECASE)


def stamp(moment: datetime) -> str:
    """The API's text of an aware instant, cut to whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def instant_of(text: str) -> datetime:
    """The instant that a stored text stands for."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.000%z")


def parse_instant(text: str) -> str:
    """The stored form of an instant given with `Z` or an offset; ValueError for anything else."""
    found = _INSTANT.match(text)
    if found is None:
        raise ValueError(text)
    zone = found[2].upper().replace("Z", "+00:00")
    try:
        return stamp(datetime.fromisoformat(found[1].upper() + zone))
    except OverflowError as exc:
        raise ValueError(text) from exc


def parse_day(text: str) -> str:
    """The stored form of a calendar date; ValueError for anything else."""
    if len(text) != 10:
        raise ValueError(text)
    return date.fromisoformat(text).isoformat()


def http_date(text: str) -> str:
    """A stored instant as the date of an HTTP header."""
    return format_datetime(instant_of(text), usegmt=True)


def parse_http_date(text: str) -> str:
    """The stored form of an HTTP header's date; ValueError when it is none."""
    try:
        moment = parsedate_to_datetime(text)
        return stamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (TypeError, ValueError, IndexError, OverflowError) as exc:
        raise ValueError(text) from exc
