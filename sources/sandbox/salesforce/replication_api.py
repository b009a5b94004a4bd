"""`/sobjects/X/updated` and `/sobjects/X/deleted`: the ids that changed within a span of time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sources.sandbox.salesforce.calls import Call, Reply, Router
from sources.sandbox.salesforce.database import Row
from sources.sandbox.salesforce.errors import ApiError
from sources.sandbox.salesforce.stamps import instant_of, parse_instant, stamp
from sources.sandbox.salesforce.tenant import Tenant

MAX_IDS = 600_000
DELETED_LOOK_BACK = timedelta(days=15)
UPDATED_LOOK_BACK = timedelta(days=30)


class ReplicationApi:
    """Answers for spans that start within the look-back; seconds of the span are ignored."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def add_to(self, router: Router) -> None:
        """Add the replication resources; they must stand before the row resources."""
        router.add("sobjects/{object}/updated", get=self._updated)
        router.add("sobjects/{object}/deleted", get=self._deleted)

    def _updated(self, call: Call, names: Mapping[str, str]) -> Reply:
        start, end = self._span(call, UPDATED_LOOK_BACK)
        rows = [row for row in self._rows(names["object"], start, end) if not row["IsDeleted"]]
        return Reply(body={"ids": [row["Id"] for row in rows], "latestDateCovered": end})

    def _deleted(self, call: Call, names: Mapping[str, str]) -> Reply:
        start, end = self._span(call, DELETED_LOOK_BACK)
        rows = [row for row in self._rows(names["object"], start, end) if row["IsDeleted"]]
        body = {
            "deletedRecords": [{"id": row["Id"], "deletedDate": row["SystemModstamp"]} for row in rows],
            "earliestDateAvailable": self._tenant.oldest_in_recycle_bin(),
            "latestDateCovered": end,
        }
        return Reply(body=body)

    def _rows(self, object_name: str, start: str, end: str) -> list[Row]:
        kind = self._tenant.find_object(object_name)
        rows = self._tenant.database.table(kind.name).rows.values()
        found = [row for row in rows if start <= row["SystemModstamp"] < end]
        if len(found) > MAX_IDS:
            raise ApiError(400, "EXCEEDED_ID_LIMIT", "Data covered by this call exceeds the limit of ids")
        return found

    def _span(self, call: Call, look_back: timedelta) -> tuple[str, str]:
        start, end = _minute(call, "start"), _minute(call, "end")
        if start >= end:
            raise ApiError(400, "INVALID_REPLICATION_DATE", "startDate before endDate")
        if start < self._tenant.now() - look_back:
            message = f"startDate cannot be more than {look_back.days} days ago"
            raise ApiError(400, "INVALID_REPLICATION_DATE", message)
        return stamp(start), stamp(end)


def _minute(call: Call, name: str) -> datetime:
    text = call.query.get(name)
    if text is None:
        raise ApiError(400, "MISSING_ARGUMENT", f"The {name} parameter is required")
    try:
        # A plus sign that the caller did not percent-encode arrives as a space.
        return instant_of(parse_instant(text.replace(" ", "+"))).replace(second=0)
    except ValueError:
        raise ApiError(400, "INVALID_REPLICATION_DATE", f"{name}: {text} is not a valid date and time") from None
