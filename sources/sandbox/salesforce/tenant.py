"""The tenant behind the API: its rows, its clock, its settings, and the count of calls it has had today."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sources.sandbox.core import Clock
from sources.sandbox.salesforce.database import Database
from sources.sandbox.salesforce.errors import ApiError, request_limit_exceeded
from sources.sandbox.salesforce.fields import ObjectType
from sources.sandbox.salesforce.saving import Saver
from sources.sandbox.salesforce.stamps import stamp

RECYCLE_BIN_DAYS = 15


@dataclass(frozen=True, slots=True)
class Settings:
    """The org's settings; defaults are the vendor's."""

    page_rows: int
    session_idle: timedelta
    cursor_life: timedelta
    daily_calls: int


class Tenant:
    """One org."""

    def __init__(self, database: Database, *, user_id: str, settings: Settings, clock: Clock) -> None:
        self.database = database
        self.user_id = user_id
        self.settings = settings
        self._clock = clock
        self._calls_by_hour: Counter[datetime] = Counter()

    def now(self) -> datetime:
        """The present instant in UTC."""
        return self._clock().astimezone(UTC)

    def saver(self) -> Saver:
        """Writes as the integration user, at the present moment."""
        return Saver(self.database, user_id=self.user_id, now=stamp(self.now()))

    def oldest_in_recycle_bin(self) -> str:
        """The instant before which deleted rows are gone for good."""
        return stamp(self.now() - timedelta(days=RECYCLE_BIN_DAYS))

    def find_object(self, name: str) -> ObjectType:
        """The object of that name in any case; 404 when the tenant has none."""
        kind = self.database.catalogue.get(name.lower())
        if kind is None:
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        return kind

    def count_call(self) -> None:
        """Count one call; 403 once the last 24 hours have used up the org's allowance."""
        if self.calls_used() >= self.settings.daily_calls:
            raise request_limit_exceeded()
        self._calls_by_hour[self.now().replace(minute=0, second=0, microsecond=0)] += 1

    def calls_used(self) -> int:
        """The calls of the last 24 hours, counted by whole hours."""
        since = self.now() - timedelta(hours=24)
        for hour in [each for each in self._calls_by_hour if each < since]:
            del self._calls_by_hour[hour]
        return self._calls_by_hour.total()
