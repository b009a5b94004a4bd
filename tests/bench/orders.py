"""The commands of the benchmark: what is asked of the hub, and the same writes in the vendor's words.

Each order is about another record or another day, so that none meets what an earlier one has left behind.
"""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPConnection
from typing import Any

from tests.bench.over_http import Server
from tests.bench.vendor_calls import Bodies, Vendors, rows

FIRM = """{ staffed: projects(first: 60, filter: {stage: [IN_DELIVERY]}, orderBy: {by: CODE}) { nodes {
  id name records { system externalId }
  tasks { id records { system externalId } }
  assignments(first: 10) { nodes { resource { id status records { system externalId } } } } } }
  open: projects(first: 200, filter: {stage: [SHELL, STAFFED, IN_DELIVERY, ON_HOLD, DELIVERED]}, orderBy: {by: CODE}) {
    nodes { id name records { system externalId } } }
  closed: projects(first: 1, filter: {stage: [CLOSED]}) { nodes { id } } }"""
PEOPLE = """{ resources(first: 200, filter: {status: [ACTIVE], kind: EMPLOYEE}) {
  nodes { id records { system externalId } } } }"""
ROLE = "Consultant"
DAYS_BACK = 20
WEEKS_AHEAD = 8
PSA, HCM = "kantata", "workday"

APPLIED, REJECTED = "APPLIED", "REJECTED"

Row = Mapping[str, Any]
Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Order:
    """One command; `shown` is what the payload gives of the entity, `bodies` are its writes once more."""

    mutation: str
    shown: str
    given: Mapping[str, Any]
    bodies: Bodies

    def body(self, key: str) -> bytes:
        """The request under that idempotency key."""
        kind = f"{self.mutation[0].upper()}{self.mutation[1:]}Input"
        answer = f"status replayed errors {{ code message }} {self.shown}"
        query = f"mutation($input: {kind}!) {{ {self.mutation}(input: $input) {{ {answer} }} }}"
        variables = {"input": {**self.given, "idempotencyKey": key}}
        return json.dumps({"query": query, "variables": variables}).encode()


Orders = Iterator[Order]


@dataclass(frozen=True, slots=True)
class Firm:
    """What the orders are about, as the graph shows it."""

    projects: Sequence[Row]
    in_delivery: Sequence[Row]
    closed: Sequence[Row]
    people: Sequence[Row]

    @classmethod
    def of(cls, server: Server) -> Firm:
        """Read it."""
        firm, people = (_data(server, query) for query in (FIRM, PEOPLE))
        return cls(
            _known(firm["open"]["nodes"]),
            _known(firm["staffed"]["nodes"]),
            firm["closed"]["nodes"],
            _known(people["resources"]["nodes"]),
        )

    def renaming(self, project: int) -> Order:
        """Another name for the project of that number; of one number always the same project."""
        of = self.projects[project % len(self.projects)]
        name = f"{of['name'][:200]} {secrets.token_hex(3)}"

        def put(_: str) -> Any:
            return {"workspace": {"title": name, "external_reference": _mark("plumbline-write", "command")}}

        given = {"id": of["id"], "name": name}
        return Order("updateProject", "project { id name }", given, {"PUT workspaces": put})

    def renamings(self) -> Orders:
        """One project after the other."""
        return (self.renaming(n) for n in itertools.count())

    def time_entries(self) -> Orders:
        """A quarter of an hour for each who is booked, on one day after the other."""
        booked = [
            (project, project["tasks"][0], each["resource"])
            for project in self.in_delivery
            for each in project["assignments"]["nodes"]
            if project["tasks"] and each["resource"] and each["resource"]["status"] == "ACTIVE"
            if _external(each["resource"]) is not None
        ]
        for number, (project, task, person) in enumerate(itertools.cycle(booked)):
            day = datetime.now(UTC).date() - timedelta(days=1 + number % DAYS_BACK)
            yield _time_entry(project, task, person, day)

    def bookings(self, vendors: Vendors) -> Orders:
        """People booked on projects that they are not on, each twice: once by the hub, once by the benchmark."""
        role_id = next(each["id"] for each in rows(_ask(vendors, "roles?per_page=200")) if each["name"] == ROLE)
        pairs = self._new_pairs(vendors)
        for number, (project, person, another) in enumerate(pairs):
            monday = datetime.now(UTC).date() + timedelta(weeks=WEEKS_AHEAD + number % 4)
            yield _booking(project, person, another, str(role_id), monday)
        raise RuntimeError("the firm is too small: everybody is on every project")

    def _new_pairs(self, vendors: Vendors) -> Iterator[tuple[Row, Row, Row]]:
        """A project and two people who are not on it; one project after the other, each beginning with others."""
        queues: list[tuple[Row, list[Row]]] = []
        for number, project in enumerate(self.in_delivery):
            page = _ask(vendors, f"workspace_resources?workspace_id={_external(project)}&per_page=200")
            there = {str(each["user_id"]) for each in rows(page)}
            free = [person for person in self.people if _external(person) not in there]
            turn = 2 * number % (len(free) or 1)
            queues.append((project, free[turn:] + free[:turn]))
        for step in range(0, len(self.people), 2):
            for project, free in queues:
                if step + 1 < len(free):
                    yield project, free[step], free[step + 1]


def give(server: Server, connection: HTTPConnection, order: Order, key: str, expected: str = APPLIED) -> Payload:
    """Give a command; its payload. Raises RuntimeError when its status is another than expected."""
    answer = json.loads(server.ask(connection, order.body(key)))
    payload: Payload = answer["data"][order.mutation]
    if payload["status"] != expected:
        raise RuntimeError(f"{order.mutation} ended {payload['status']}: {payload['errors']}")
    return payload


def new_key() -> str:
    """An idempotency key that nobody has used."""
    return f"bench-{secrets.token_hex(12)}"


def _time_entry(project: Row, task: Row, person: Row, day: date) -> Order:
    workspace, story, user = _external(project), _external(task), _external(person)

    def enter(_: str) -> Any:
        entry = {"workspace_id": workspace, "story_id": story, "user_id": user, "date_performed": day.isoformat()}
        more = {"time_in_minutes": 15, "billable": True, "notes": "benchmark"}
        return {"time_entry": {**entry, **more, "external_reference": _mark("plumbline", "time_entry")}}

    def submit(made: str) -> Any:
        submission = {"workspace_id": workspace, "user_id": user, "line_item_ids": [made]}
        return {"timesheet_submission": {**submission, "external_reference": _mark("plumbline-write", "command")}}

    given = {"projectId": project["id"], "taskId": task["id"], "resourceId": person["id"], "hours": "0.25"}
    given |= {"workDate": day.isoformat(), "billable": True, "note": "benchmark"}
    bodies: Bodies = {"POST time_entries": enter, "POST timesheet_submissions": submit}
    return Order("submitTimeEntry", "timeEntry { id hours status }", given, bodies)


def _booking(project: Row, person: Row, another: Row, role_id: str, monday: date) -> Order:
    days = {"start_date": monday.isoformat(), "end_date": (monday + timedelta(days=4)).isoformat()}

    def join(_: str) -> Any:
        ids = {"workspace_id": _external(project), "user_id": _external(another), "role_id": role_id}
        return {"workspace_resource": ids}

    def book(made: str) -> Any:
        booking = {"resource_id": made, "minutes": 60, "hard": True, **days}
        return {"workspace_allocation": {**booking, "external_reference": _mark("plumbline", "assignment")}}

    def part_time(_: str) -> Any:
        wid = _external(person, HCM)
        return {"query": f"SELECT workdayID, fte, lastFunctionallyUpdated FROM allWorkers WHERE workdayID in ({wid})"}

    given = {"projectId": project["id"], "resourceId": person["id"], "role": ROLE, "plannedHours": "1"}
    given |= {"startDate": days["start_date"], "endDate": days["end_date"], "allowOverbooking": True}
    bodies: Bodies = {
        "POST data": part_time,
        "POST workspace_resources": join,
        "POST workspace_allocations": book,
    }
    return Order("assignResource", "assignment { id role }", given, bodies)


def _mark(service: str, model: str) -> Mapping[str, str]:
    """A reference as the hub leaves one with each write."""
    return {"service_name": service, "service_model": model, "service_model_ref": secrets.token_hex(16)}


def _known(entities: Sequence[Row]) -> Sequence[Row]:
    """Those that the PSA has a record of."""
    return [entity for entity in entities if _external(entity) is not None]


def _external(entity: Row, system: str = PSA) -> str | None:
    """The entity's id at that system."""
    return next((str(r["externalId"]) for r in entity["records"] if r["system"] == system), None)


def _data(server: Server, query: str) -> Any:
    answer = json.loads(server.ask(server.connect(), json.dumps({"query": query}).encode()))
    return answer["data"]


def _ask(vendors: Vendors, path: str) -> Any:
    return vendors.ask(PSA, "GET", f"/api/v1/{path}")[1]


def wrong_input(firm: Firm) -> Order:
    """A name that is no name."""
    return Order("updateProject", "project { id }", {"id": firm.projects[0]["id"], "name": " "}, {})


def against_a_rule(firm: Firm) -> Order:
    """A booking on a closed project."""
    given = {"projectId": firm.closed[0]["id"], "resourceId": firm.people[0]["id"], "role": ROLE, "plannedHours": "1"}
    days = {"startDate": "2030-01-07", "endDate": "2030-01-11"}
    return Order("assignResource", "assignment { id }", {**given, **days}, {})
