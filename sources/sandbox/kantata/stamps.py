"""Instants and days on Kantata's wire: the account's zone, whole seconds, ISO 8601."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

# The tenant's account lives on the US west coast, hence -08:00 in winter and -07:00 in summer.
ACCOUNT_ZONE = ZoneInfo("America/Los_Angeles")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def stamp(instant: datetime | None) -> str | None:
    """The instant with the account's offset and whole seconds; None stays None."""
    return None if instant is None else instant.astimezone(ACCOUNT_ZONE).isoformat(timespec="seconds")


def day(value: date | None) -> str | None:
    """A date as YYYY-MM-DD, None when unset."""
    return None if value is None else value.isoformat()


def whole_second(instant: datetime) -> datetime:
    """The instant in UTC, cut to the second: the resolution the vendor stores."""
    return instant.astimezone(UTC).replace(microsecond=0)


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 instant or date; without an offset it is account time. Raises ValueError."""
    # A plus sign that a client forgot to percent-encode reaches a form decoder as a blank.
    parsed = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text.strip())
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=ACCOUNT_ZONE)


def parse_day(text: str) -> date:
    """Read YYYY-MM-DD. Raises ValueError on anything else."""
    # The library reads other ISO 8601 forms too, such as week dates; the vendor writes and takes this one.
    if not _DAY.fullmatch(text):
        raise ValueError(f"not a date: {text!r}")
    return date.fromisoformat(text)
