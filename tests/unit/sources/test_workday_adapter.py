"""Workday's rows become records with exact types; queries are narrow, few, and cannot be injected into."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from hub.domain.directory import kept_by
from hub.domain.kinds import Domain, Kind
from hub.domain.money import Money
from hub.domain.ownership import attributes_of
from hub.domain.records import DatedRate, DayOff, Key, Record, Ref, Value
from hub.errors import SourceMisconfigured, SourceRejected, SourceShapeBroken, SourceThrottled, SourceUnavailable
from hub.ports import ChangePage
from sources.transport import Limits, Transport
from sources.workday import DEFAULT_MAPPING, Wording, WorkdayAdapter, classify
from sources.workday.lists import SOURCES, quoted
from sources.workday.translate import FIELDS
from tests.support.versions import VERSIONS

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
ALL = attributes_of(Domain.HCM, Kind.RESOURCE)
NAME = frozenset({"name"})
Json = dict[str, Any]


def wid(n: int) -> str:
    """The n-th worker's id."""
    return f"{n:032x}"


def instance(text: str) -> Json:
    """An instance value."""
    return {"id": "ab" * 16, "descriptor": text}


def worker(n: int = 1, **changes: Any) -> Json:
    """An employee with nothing special about it."""
    return {
        "workdayID": wid(n),
        "employeeID": f"E-{n:04}",
        "fullName": f"Worker {n}",
        "primaryWorkEmail": f"W{n}@Firm.example",
        "workerStatus": instance("Active"),
        "hireDate": "2024-01-01",
        "terminationDate": None,
        "fte": 0.8,
        "businessTitle": "Consultant",
        "managementLevel": instance("C2"),
        "location": instance("London"),
        "company": "UK01",
        "practiceCode": "DATA",
        "managerEmployeeID": "E-0009",
        "jobProfile": instance("Consultant II"),
        "workerType": instance("Employee"),
        "costRate": {"currency": "GBP", "value": 65.5},
        "costRateCurrency": "GBP",
        "costRateFrom": "2026-01-01",
        "lastFunctionallyUpdated": (START + timedelta(seconds=n)).isoformat().replace("+00:00", "Z"),
    } | changes


def off(day: str, hours: float, number: str = "E-0001") -> Json:
    """Approved hours of a day."""
    return {"employeeID": number, "date": day, "hours": hours}


WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def schedule(location: Any, hours: float, days: tuple[str, ...] = WEEKDAYS[:5]) -> list[Json]:
    """A location's hours on some weekdays, none on the others."""
    return [{"location": location, "weekday": day, "hours": hours if day in days else 0} for day in WEEKDAYS]


class Tenant:
    """A tenant that understands just the queries which the adapter makes."""

    def __init__(self, *workers: Json, page_rows: int = 100) -> None:
        self.workers = list(workers)
        self.skills: list[Json] = []
        self.time_off: list[Json] = []
        self.schedules: list[Json] = []
        self.holidays: list[Json] = []
        self.page_rows = page_rows
        self.queries: list[str] = []
        self.tells_total = True
        self.answer: Callable[[str], httpx.Response | None] = lambda _: None

    def adapter(self, **settings: Any) -> WorkdayAdapter:
        """An adapter that talks to this tenant."""

        def client(**arguments: Any) -> httpx.AsyncClient:
            return httpx.AsyncClient(base_url=arguments["base_url"], transport=httpx.MockTransport(self._serve))

        transport = Transport(
            "hcm", "http://workday.test", limits=Limits(attempts=1), classify=classify, client_factory=client
        )
        settings = {"page_rows": self.page_rows, "clock": lambda: NOW, **settings}
        return WorkdayAdapter("hcm", transport, tenant="firm", versions=VERSIONS, **settings)

    def _serve(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/ccx/api/wql/v1/firm/data"
        query: str = json.loads(request.content)["query"]
        self.queries.append(query)
        special = self.answer(query)
        if special is not None:
            return special
        page = {name: int(values[0]) for name, values in parse_qs(request.url.query.decode()).items()}
        rows = self._rows(query)
        columns = re.fullmatch(r"SELECT (.*?) FROM .*", query)
        assert columns
        wanted = columns[1].split(", ")
        shown = [{name: row[name] for name in wanted} for row in rows[page["offset"] :][: page["limit"]]]
        body: Json = {"data": shown} | ({"total": len(rows)} if self.tells_total else {})
        return httpx.Response(200, json=body)

    def _rows(self, query: str) -> list[Json]:
        named = set(re.findall(r"\b[0-9a-f]{32}\b", query))
        listed = re.search(r" FROM (\w+) WHERE (\w+) in \(([^)]*)\)(?: AND date >= '([0-9-]*)')? ORDER BY", query)
        if listed:
            source, by, keys, since = listed.groups()
            rows: dict[str, list[Json]] = {
                "workerSkills": self.skills,
                "approvedTimeOff": self.time_off,
                "workSchedules": self.schedules,
                "holidays": self.holidays,
            }
            among = {key.strip("'") for key in keys.split(", ")}
            return [
                row
                for row in rows[source]
                if (row[by]["id"] if isinstance(row[by], dict) else row[by]) in among
                and (since is None or row["date"] >= since)
            ]
        after = re.search(r"lastFunctionallyUpdated >= '([^']*)'", query)
        return [
            row
            for row in self.workers
            if (not named or row["workdayID"] in named)
            and (not after or _instant(row["lastFunctionallyUpdated"]) >= _instant(after[1]))
        ]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def read(row: Json, *attributes: str) -> dict[str, Value]:
    """Some attributes of one worker."""
    [record] = await Tenant(row).adapter().fetch(Kind.RESOURCE, [row["workdayID"]], frozenset(attributes))
    assert record is not None
    return dict(record.attributes)


async def pages(tenant: Tenant, since: datetime | None = None) -> list[ChangePage]:
    """The pages of the feed."""
    return [page async for page in tenant.adapter().changes(Kind.RESOURCE, since)]


def test_supplies_what_the_hcm_owns_and_nothing_else() -> None:
    """The table of fields and the skills are the ownership table's."""
    assert FIELDS.keys() | SOURCES.keys() == ALL


async def test_worker() -> None:
    """Every attribute, skills sorted, with the record's own stamp."""
    tenant = Tenant(worker(1))
    tenant.skills = [{"employeeID": "E-0001", "skill": instance(name)} for name in ("SQL", "Python")]
    tenant.time_off = [off("2026-07-02", 8), off("2026-07-01", 4)]
    tenant.schedules = schedule(instance("London"), 7.5)
    tenant.holidays = [{"location": instance("London"), "date": day} for day in ("2026-12-28", "2026-12-25")]
    [record] = await tenant.adapter().fetch(Kind.RESOURCE, [wid(1)], ALL)
    assert record is not None
    assert record.attributes == {
        "name": "Worker 1",
        "email": "W1@Firm.example",
        "status": "ACTIVE",
        "hire_date": date(2024, 1, 1),
        "end_date": None,
        "title": "Consultant",
        "grade": "C2",
        "location": "London",
        "job_profile": "Consultant II",
        "fte": Decimal("0.8"),
        "practice": Ref(Kind.PRACTICE, "DATA", "code"),
        "legal_entity": Ref(Kind.LEGAL_ENTITY, "UK01", "code"),
        "manager": Ref(Kind.RESOURCE, "E-0009", "employee_number"),
        "cost_rate": DatedRate(Money(6550, "GBP"), date(2026, 1, 1)),
        "skills": ("Python", "SQL"),
        "work_week": (Decimal("7.5"),) * 5 + (Decimal(0),) * 2,
        "holidays": (date(2026, 12, 25), date(2026, 12, 28)),
        "time_off": (DayOff(date(2026, 7, 1), Decimal(4)), DayOff(date(2026, 7, 2), Decimal(8))),
    }
    assert record.source_timestamp == START + timedelta(seconds=1)
    assert record.stamp == "2026-01-01T00:00:01Z"


@pytest.mark.parametrize(
    ("status", "hired", "expected"),
    [
        (instance("Active"), "2024-01-01", "ACTIVE"),
        ("Active", "2026-06-15", "ACTIVE"),
        (instance("Active"), "2026-06-16", "FUTURE_HIRE"),
        (instance("On Leave"), "2024-01-01", "ON_LEAVE"),
        (instance("Terminated"), "2024-01-01", "TERMINATED"),
        (instance("Future Hire"), "2026-09-01", "FUTURE_HIRE"),
    ],
)
async def test_status(status: Any, hired: str, expected: str) -> None:
    """One who is active from a later day on is a future hire."""
    assert await read(worker(workerStatus=status, hireDate=hired), "status") == {"status": expected}


async def test_a_tenant_may_have_its_own_status_names() -> None:
    """Descriptors are localised, so the list is a setting."""
    tenant = Tenant(worker(workerStatus=instance("Aktiv")))
    adapter = tenant.adapter(wording=Wording({"Aktiv": "ACTIVE"}))
    [record] = await adapter.fetch(Kind.RESOURCE, [wid(1)], frozenset({"status"}))
    assert record is not None
    assert record.attributes == {"status": "ACTIVE"}


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("Ana Lima (Terminated)", "Ana Lima"),
        ("Ana Lima (On Leave)", "Ana Lima"),
        ("Ana Lima (Lisbon)", "Ana Lima (Lisbon)"),
        ("Ana (On Leave) Lima", "Ana (On Leave) Lima"),
        ("安井 花子 (Terminated)", "安井 花子"),
    ],
)
async def test_only_known_endings_are_cut_off_a_name(shown: str, name: str) -> None:
    """What Workday adds to a name is not part of it; everything else is."""
    assert await read(worker(fullName=shown), "name") == {"name": name}


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        ({"currency": "GBP", "value": 65.5}, Money(6550, "GBP")),
        ({"currency": "JPY", "value": 8000}, Money(8000, "JPY")),
        ({"currency": "GBP", "value": 65.125}, Money(6513, "GBP")),
        (65.5, Money(6550, "GBP")),
        (None, None),
        ({"currency": "GBP", "value": None}, None),
    ],
)
async def test_cost_rate_in_both_documented_forms(rate: Any, expected: Money | None) -> None:
    """An amount object, or a number with its currency beside it; no rate is None."""
    values = await read(worker(costRate=rate), "cost_rate")
    assert values == {"cost_rate": expected and DatedRate(expected, date(2026, 1, 1))}


async def test_cost_rates_of_days() -> None:
    """Each day is one query as of that day; who was not there yet has no rate."""
    tenant = Tenant(worker(1), worker(2))

    def dated(query: str) -> httpx.Response | None:
        if "effectiveAsOfDate = '2025-06-01'" not in query:
            return None
        row = worker(1, costRate={"currency": "GBP", "value": 60}, costRateFrom="2024-01-01")
        return httpx.Response(200, json={"data": [row]})

    tenant.answer = dated
    wanted = frozenset({"cost_rate@2025-06-01", "cost_rate"})
    first, second = await tenant.adapter().fetch(Kind.RESOURCE, [wid(1), wid(2)], wanted)
    assert first is not None
    assert second is not None
    assert first.attributes == {
        "cost_rate": DatedRate(Money(6550, "GBP"), date(2026, 1, 1)),
        "cost_rate@2025-06-01": DatedRate(Money(6000, "GBP"), date(2024, 1, 1)),
    }
    assert second.attributes["cost_rate@2025-06-01"] is None
    assert len(tenant.queries) == 2
    assert any("FROM allWorkers (effectiveAsOfDate = '2025-06-01') WHERE" in query for query in tenant.queries)


@pytest.mark.parametrize(
    ("change", "attribute", "field"),
    [
        ({"fullName": None}, "name", "fullName"),
        ({"fullName": 7}, "name", "fullName"),
        ({"workerStatus": instance("Sabbatical")}, "status", "workerStatus"),
        ({"workerStatus": {"id": "x"}}, "status", "workerStatus"),
        ({"hireDate": "01/02/2026"}, "hire_date", "hireDate"),
        ({"fte": "0.8"}, "fte", "fte"),
        ({"costRate": {"value": 65.5}}, "cost_rate", "currency"),
        ({"costRate": "65.50"}, "cost_rate", "costRate"),
        ({"company": instance("Firm UK")}, "legal_entity", "company"),
        ({"lastFunctionallyUpdated": None}, "name", "lastFunctionallyUpdated"),
        ({"lastFunctionallyUpdated": "2026-01-01T00:00:00"}, "name", "lastFunctionallyUpdated"),
    ],
)
async def test_a_value_of_another_shape_is_drift(change: Json, attribute: str, field: str) -> None:
    """The error names the column."""
    with pytest.raises(SourceShapeBroken, match=field):
        await read(worker(**change), attribute)


@pytest.mark.parametrize("body", [[], {}, {"data": None}, {"data": [1]}, {"total": 0}])
async def test_an_answer_that_is_no_page_is_drift(body: Any) -> None:
    """The shape of a page is pinned."""
    tenant = Tenant()
    tenant.answer = lambda _: httpx.Response(200, json=body)
    with pytest.raises(SourceShapeBroken):
        await tenant.adapter().ping()


async def test_only_what_is_asked_for_is_selected() -> None:
    """No cost rate, no skills, unless somebody wants them."""
    tenant = Tenant(worker(1))
    await tenant.adapter().fetch(Kind.RESOURCE, [wid(1)], NAME)
    assert tenant.queries == [
        f"SELECT workdayID, fullName, lastFunctionallyUpdated FROM allWorkers WHERE workdayID in ({wid(1)})"
    ]


async def test_answers_in_the_order_asked_and_never_asks_for_what_is_no_id() -> None:
    """Only WIDs get into a query."""
    tenant = Tenant(worker(1), worker(2))
    ids = [wid(2), "x') or ('1'='1", wid(3), "Employee_ID=E-0001", wid(1), wid(2)]
    records = await tenant.adapter().fetch(Kind.RESOURCE, ids, NAME)
    assert [record and record.key.external_id for record in records] == [wid(2), None, None, None, wid(1), wid(2)]
    assert tenant.queries[0].endswith(f"in ({wid(2)}, {wid(3)}, {wid(1)})")
    assert await tenant.adapter().fetch(Kind.RESOURCE, ["x"], NAME) == [None]
    assert len(tenant.queries) == 1


async def test_many_workers_take_a_query_per_page() -> None:
    """250 workers, 100 rows a page: three queries, and the skills of a hundred workers together."""
    tenant = Tenant(*(worker(n) for n in range(250)))
    tenant.skills = [{"employeeID": f"E-{n:04}", "skill": "SQL"} for n in range(250)]
    records = await tenant.adapter().fetch(Kind.RESOURCE, [wid(n) for n in range(250)], frozenset({"skills"}))
    assert all(record is not None and record.attributes == {"skills": ("SQL",)} for record in records)
    assert len([query for query in tenant.queries if "FROM allWorkers" in query]) == 3
    assert len([query for query in tenant.queries if "FROM workerSkills" in query]) == 3


async def test_calendars_of_many_workers_are_read_together() -> None:
    """A query per hundred workers or locations, whatever their number; each gets its own."""
    places = [{"id": f"{n:032x}", "descriptor": f"Place {n}"} for n in range(2)]
    tenant = Tenant(*(worker(n, location=places[n % 2]) for n in range(150)))
    tenant.schedules = [*schedule(places[0], 8), *schedule(places[1], 10, WEEKDAYS[:4])]
    tenant.holidays = [{"location": places[1], "date": "2026-07-14"}]
    tenant.time_off = [off("2026-07-01", 8, "E-0148")]
    wanted = frozenset({"work_week", "holidays", "time_off"})
    records = await tenant.adapter().fetch(Kind.RESOURCE, [wid(n) for n in range(150)], wanted)
    *_, eight, nine = (record.attributes for record in records if record is not None)
    assert eight["work_week"] == (Decimal(8),) * 5 + (Decimal(0),) * 2
    assert (eight["holidays"], eight["time_off"]) == ((), (DayOff(date(2026, 7, 1), Decimal(8)),))
    assert nine["work_week"] == (Decimal(10),) * 4 + (Decimal(0),) * 3
    assert (nine["holidays"], nine["time_off"]) == ((date(2026, 7, 14),), ())
    assert sorted(re.findall(r"FROM (\w+)", " ".join(tenant.queries))) == sorted(
        ["allWorkers", "allWorkers", "approvedTimeOff", "approvedTimeOff", "holidays", "workSchedules"]
    )


async def test_time_off_adds_up_per_day_and_may_be_taken_back() -> None:
    """Two halves are a day; negative hours take back what was approved before; nothing of long ago is asked for."""
    tenant = Tenant(worker(1))
    rows = [("2025-06-13", 8), ("2026-07-01", 4), ("2026-07-01", 4), ("2026-07-02", 8), ("2026-07-02", -8)]
    tenant.time_off = [off(day, hours) for day, hours in rows]
    [record] = await tenant.adapter().fetch(Kind.RESOURCE, [wid(1)], frozenset({"time_off"}))
    assert record is not None
    assert record.attributes == {"time_off": (DayOff(date(2026, 7, 1), Decimal(8)),)}
    assert "date >= '2025-06-14'" in tenant.queries[-1]
    assert "Type" not in tenant.queries[-1]


async def test_a_location_may_be_a_text_or_unknown() -> None:
    """Joined by the text then; without one there is no work week, and no holiday is known."""
    tenant = Tenant(worker(1, location="Paris (La Défense), FR"), worker(2, location=None), worker(3))
    tenant.schedules = schedule("Paris (La Défense), FR", 7)
    tenant.answer = lambda query: httpx.Response(200, json={"data": tenant.schedules}) if "('Paris" in query else None
    wanted = frozenset({"work_week"})
    first, second, third = await tenant.adapter().fetch(Kind.RESOURCE, [wid(1), wid(2), wid(3)], wanted)
    assert first is not None
    assert first.attributes == {"work_week": (Decimal(7),) * 5 + (Decimal(0),) * 2}
    assert [record and record.attributes for record in (second, third)] == [{"work_week": None}] * 2


@pytest.mark.parametrize(
    ("attribute", "entry"),
    [
        ("work_week", "resource.work_week.hours"),
        ("holidays", "resource.holidays.date"),
        ("time_off", "resource.time_off.date"),
    ],
)
async def test_a_tenant_without_a_calendar_leaves_it_out(attribute: str, entry: str) -> None:
    """An entry mapped to nothing: the data source is not asked, and the attribute has no value."""
    tenant = Tenant(worker(1))
    [record] = await tenant.adapter(mapping={entry: ""}).fetch(Kind.RESOURCE, [wid(1)], frozenset({attribute}))
    assert record is not None
    assert record.attributes == {attribute: None}
    assert len(tenant.queries) == 1


@pytest.mark.parametrize(
    ("attribute", "row", "field"),
    [
        ("work_week", {"location": instance("London"), "weekday": "Montag", "hours": 8}, "weekday"),
        ("work_week", {"location": instance("London"), "weekday": "Monday", "hours": None}, "hours"),
        ("work_week", {"location": instance("London"), "weekday": "Monday", "hours": "8"}, "hours"),
        ("holidays", {"location": instance("London"), "date": "25/12/2026"}, "date"),
        ("time_off", {"employeeID": "E-0001", "date": "2026-07-01", "hours": None}, "hours"),
    ],
)
async def test_a_calendar_of_another_shape_is_drift(attribute: str, row: Json, field: str) -> None:
    """The error names the column."""
    tenant = Tenant(worker(1))
    tenant.time_off = tenant.schedules = tenant.holidays = [row]
    with pytest.raises(SourceShapeBroken, match=field):
        await tenant.adapter().fetch(Kind.RESOURCE, [wid(1)], frozenset({attribute}))


async def test_version_covers_all_attributes() -> None:
    """The pseudo-attribute widens the reading, not the record; calendars beside the record are no part of it."""
    tenant = Tenant(worker(1))
    [one] = await tenant.adapter().fetch(Kind.RESOURCE, [wid(1)], frozenset({"version"}))
    [other] = await Tenant(worker(1, fte=1)).adapter().fetch(Kind.RESOURCE, [wid(1)], frozenset({"version"}))
    assert one is not None
    assert other is not None
    assert one.attributes.keys() == {"version"}
    assert one.attributes != other.attributes
    assert "costRate" in tenant.queries[0]
    assert {source for query in tenant.queries for source in re.findall(r"FROM (\w+)", query)} == {
        "allWorkers",
        "workerSkills",
    }


@pytest.mark.parametrize("tells_total", [True, False])
async def test_feed_is_complete_and_ordered(*, tells_total: bool) -> None:
    """Three pages; kept attributes, keys and labels; the watermark is the last stamp."""
    tenant = Tenant(*(worker(n) for n in range(250)))
    tenant.tells_total = tells_total
    got = await pages(tenant)
    records: list[Record] = [record for page in got for record in page.records]
    assert [record.key.external_id for record in records] == [wid(n) for n in range(250)]
    assert got[-1].watermark == START + timedelta(seconds=249)
    assert records[7].attributes.keys() == kept_by(Domain.HCM, Kind.RESOURCE)
    assert records[7].keys == (Key("employee_number", "E-0007"), Key("email", "w7@firm.example"))
    assert records[7].label == "Worker 7"


async def test_feed_from_a_moment() -> None:
    """The bound is inclusive, in UTC, to the millisecond."""
    tenant = Tenant(*(worker(n) for n in range(50)))
    [page] = await pages(tenant, START + timedelta(seconds=40))
    assert len(page.records) == 10
    assert "WHERE lastFunctionallyUpdated >= '2026-01-01T00:00:40.000Z'" in tenant.queries[0]
    assert tenant.queries[0].endswith("ORDER BY lastFunctionallyUpdated, workdayID")


async def test_contingent_workers_are_labelled() -> None:
    """They are in the same list; without e-mail they have one key less."""
    tenant = Tenant(worker(1, workerType=instance("Contingent Worker"), primaryWorkEmail=None))
    [page] = await pages(tenant)
    assert page.records[0].label == "Worker 1 (contingent worker)"
    assert page.records[0].keys == (Key("employee_number", "E-0001"),)


async def test_an_alias_that_the_tenant_lacks() -> None:
    """The error names the mapping entry, not the vendor's words."""
    tenant = Tenant(worker(1))
    tenant.answer = lambda _: httpx.Response(400, json={"error": "Unknown field 'mgmtLevel' near line 1"})
    adapter = tenant.adapter(mapping={"resource.grade": "mgmtLevel"})
    with pytest.raises(SourceMisconfigured, match=r"resource\.grade$|resource\.grade \(") as caught:
        await adapter.fetch(Kind.RESOURCE, [wid(1)], frozenset({"grade"}))
    assert "mgmtLevel" not in str(caught.value)


async def test_an_entry_without_an_alias_is_not_read() -> None:
    """A tenant without job profiles in WQL still works."""
    tenant = Tenant(worker(1))
    adapter = tenant.adapter(mapping={"resource.job_profile": "", "resource.worker_type": ""})
    [record] = await adapter.fetch(Kind.RESOURCE, [wid(1)], frozenset({"job_profile", "name"}))
    assert record is not None
    assert record.attributes == {"job_profile": None, "name": "Worker 1"}
    got = [page async for page in adapter.changes(Kind.RESOURCE, None)]
    assert got[0].records[0].label == "Worker 1"


@pytest.mark.parametrize("alias", ["full name", "name; DROP", "a{b}", "1st", "a-b"])
def test_an_alias_that_is_none_is_a_configuration_error(alias: str) -> None:
    """Aliases go into queries, so they are checked at the start."""
    with pytest.raises(SourceMisconfigured, match=r"resource\.name"):
        Tenant().adapter(mapping={"resource.name": alias})


@pytest.mark.parametrize("entry", ["resource.stamp", "resource.employee_number"])
def test_what_every_query_needs_cannot_be_left_out(entry: str) -> None:
    """Without them there is no feed and no key."""
    with pytest.raises(SourceMisconfigured, match=entry.replace(".", r"\.")):
        Tenant().adapter(mapping={entry: ""})


@pytest.mark.parametrize("text", ["O'Hara", 'a"b', "a\\b", "a\nb", "a;b"])
def test_texts_that_would_need_escaping_are_refused(text: str) -> None:
    """How WQL escapes is documented nowhere."""
    with pytest.raises(SourceShapeBroken):
        quoted(text, "hcm")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"error": "Syntax error at SELECT"}, SourceRejected),
        (400, {"errors": []}, SourceRejected),
        (400, None, SourceRejected),
        (401, {"error": "invalid"}, SourceMisconfigured),
        (403, {"error": "WQL domain"}, SourceMisconfigured),
        (404, {"error": "not found"}, SourceRejected),
        (429, {"error": "slow down"}, SourceThrottled),
        (500, {"error": "oops"}, SourceUnavailable),
    ],
)
async def test_errors(status: int, body: Any, error: type[Exception]) -> None:
    """The vendor's statuses in the hub's words."""
    tenant = Tenant()
    tenant.answer = lambda _: httpx.Response(status, json=body)
    with pytest.raises(error):
        await tenant.adapter().ping()


async def test_a_maintenance_page_is_unavailable() -> None:
    """Workday's weekly window answers HTML."""
    tenant = Tenant()
    tenant.answer = lambda _: httpx.Response(200, html="<html>Workday is being updated</html>")
    adapter = tenant.adapter()
    with pytest.raises(SourceUnavailable):
        await adapter.ping()
    await adapter.aclose()


def test_every_default_alias_is_one() -> None:
    """The default mapping passes the check that overrides have to pass."""
    assert set(DEFAULT_MAPPING) >= {entry for field in FIELDS.values() for entry in field.entries}
