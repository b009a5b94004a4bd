"""The floor: a projection written by hand for the one query of the workload, on rows that are ready to print.

It does nothing but put dictionaries together and encode them: no HTTP, no parsing, no rights, no
freshness, no formatting. An engine for any query cannot be expected to need less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

Row = Mapping[str, Any]


class Floor:
    """Takes an answer apart into rows by id; `answer` puts it together again."""

    def __init__(self, answer: Row) -> None:
        self._customers: dict[str, Row] = {}
        self._contracts: dict[str, Row] = {}
        self._people: dict[str, Row] = {}
        self._projects = [self._project(node) for node in answer["projects"]["nodes"]]

    def _project(self, node: Row) -> Row:
        staffed = [{**a, "resource": _put(self._people, a["resource"])} for a in node["assignments"]["nodes"]]
        return {
            **node,
            "customer": _put(self._customers, node["customer"]),
            "contract": _put(self._contracts, node["contract"]),
            "manager": _put(self._people, node["manager"]),
            "assignments": staffed,
        }

    def answer(self, first: int) -> bytes:
        """The response for that many projects."""
        page = self._projects[:first]
        customers = _table(self._customers, (p["customer"] for p in page), lambda r: _some(r, "id", "name", "region"))
        contracts = _table(self._contracts, (p["contract"] for p in page), _contract)
        managers = _table(self._people, (p["manager"] for p in page), lambda r: _some(r, "id", "name", "title"))
        staff = _table(self._people, (a["resource"] for p in page for a in p["assignments"]), _person)
        nodes = [
            {
                **_some(p, "id", "code", "name", "stage", "startDate", "endDate"),
                "customer": customers.get(p["customer"]),
                "contract": contracts.get(p["contract"]),
                "manager": managers.get(p["manager"]),
                "milestones": [_milestone(m) for m in p["milestones"]],
                "assignments": {"nodes": [_assignment(a, staff) for a in p["assignments"]]},
                "revenue": p["revenue"] and [_period(r) for r in p["revenue"]],
            }
            for p in page
        ]
        return orjson.dumps({"data": {"projects": {"nodes": nodes}}})


def _put(table: dict[str, Row], row: Row | None) -> str | None:
    if row is None:
        return None
    table[row["id"]] = {**table.get(row["id"], {}), **row}
    identity: str = row["id"]
    return identity


def _table(rows: Mapping[str, Row], ids: Any, shape: Callable[[Row], Row]) -> dict[str | None, Row]:
    return {i: shape(rows[i]) for i in set(ids) if i is not None}


def _some(row: Row, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _money(value: Row | None) -> Row | None:
    return value and {"amount": value["amount"], "currency": value["currency"]}


def _person(r: Row) -> Row:
    return {
        "id": r["id"],
        "name": r["name"],
        "title": r["title"],
        "grade": r["grade"],
        "location": r["location"],
    }


def _contract(r: Row) -> Row:
    lines = [{"id": x["id"], "name": x["name"], "model": x["model"], "price": _money(x["price"])} for x in r["lines"]]
    return {**_some(r, "id", "number", "status", "signedOn"), "value": _money(r["value"]), "lines": lines}


def _milestone(m: Row) -> Row:
    return {
        "id": m["id"],
        "name": m["name"],
        "dueDate": m["dueDate"],
        "status": m["status"],
        "amount": _money(m["amount"]),
    }


def _assignment(a: Row, staff: Mapping[str | None, Row]) -> Row:
    return {
        "id": a["id"],
        "role": a["role"],
        "plannedHours": a["plannedHours"],
        "allocation": a["allocation"],
        "booking": a["booking"],
        "resource": staff.get(a["resource"]),
    }


def _period(r: Row) -> Row:
    return {name: value if isinstance(value, str) else _money(value) for name, value in r.items()}
