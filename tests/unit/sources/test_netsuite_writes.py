"""NetSuite's writes: what is sent exactly, what is refused before any call, how odd answers are judged."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from hub.domain.kinds import Kind
from hub.domain.records import RecordKey, Value
from hub.errors import (
    SourceMisconfigured,
    SourceRejected,
    SourceShapeBroken,
    SourceThrottled,
    VersionConflict,
    WriteOutcomeUnknown,
)
from hub.ports import SourceWrite
from sources.netsuite import NetSuiteAdapter
from sources.transport import Limits, Transport
from tests.support.versions import VERSIONS

LINE = "200:2"
CHANGE = SourceWrite("update", Kind.CONTRACT_LINE, LINE, {"revenue_method": "RATABLE"}, "token")
METHODS = [{"id": "41", "name": "RATABLE"}, {"id": "42", "name": "POINT_IN_TIME"}]


class Account:
    """Knows one order's lines and a list; answers a write as it is told, and keeps what was sent."""

    def __init__(self, answer: httpx.Response | None = None, *, method: str | None = "POINT_IN_TIME") -> None:
        self.answer = answer or httpx.Response(204)
        self.method = method
        self.asked: list[str] = []
        self.written: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            self.written.append(request)
            return self.answer
        self.asked.append(json.loads(request.content)["q"])
        line = {"id": "9", "stamp": "2026-05-07T22:07:19", "salesorder": "200", "line": "2"}
        line |= {"method": self.method} if self.method else {}
        rows = METHODS if "customlist" in self.asked[-1] else [line]
        items = [{"links": [], **row} for row in rows]
        return httpx.Response(200, json={"items": items, "hasMore": False, "totalResults": len(items)})


def adapter(account: Account, *, attempts: int = 1, **settings: Any) -> NetSuiteAdapter:
    """Make the adapter on a pretended account."""
    transport = Transport(
        "erp",
        "https://1.example",
        limits=Limits(attempts=attempts),
        client_factory=lambda **given: httpx.AsyncClient(transport=httpx.MockTransport(account), **given),
    )
    return NetSuiteAdapter("erp", transport, versions=VERSIONS, **settings)


@pytest.mark.parametrize("status", [200, 204])
async def test_one_value_of_one_line_is_sent_by_its_list_id(status: int) -> None:
    """Lines merge by number, the value is the account's own id of it, and unknown properties are to be refused."""
    account = Account(httpx.Response(status))
    receipt = await adapter(account).write(CHANGE)
    assert (receipt.external_id, receipt.pending) == (LINE, None)
    (request,) = account.written
    assert str(request.url) == "https://1.example/services/rest/record/v1/salesOrder/200"
    assert request.headers["X-NetSuite-PropertyNameValidation"] == "Error"
    values = {"line": 2, "custcol_revenue_method": {"id": "41"}}
    assert json.loads(request.content) == {"item": {"items": [values]}}


async def test_the_estates_mapping_names_column_and_list() -> None:
    """Both are the account's own names."""
    account = Account()
    mapping = {
        "contract_line.revenue_method": "transactionline.custcol_rr",
        "contract_line.revenue_methods": "customlist_rr.label",
    }
    await adapter(account, mapping=mapping).write(CHANGE)
    assert "custcol_rr" in json.loads(account.written[0].content)["item"]["items"][0]
    assert "SELECT id, label AS name FROM customlist_rr WHERE isinactive = 'F'" in account.asked[1]


def version(method: str | None) -> str:
    """The version of the line with that method."""
    return VERSIONS.of(RecordKey("erp", Kind.CONTRACT_LINE, LINE), {"revenue_method": method})


async def test_the_version_is_the_one_that_reading_gives() -> None:
    """The hash of what the ERP owns of the line, a line without a method included."""
    for method in ("POINT_IN_TIME", None):
        account = Account(method=method)
        await adapter(account).write(replace(CHANGE, version=version(method)))
        assert len(account.written) == 1
    account = Account()
    with pytest.raises(VersionConflict):
        await adapter(account).write(replace(CHANGE, version=version("RATABLE")))
    assert account.written == []


@pytest.mark.parametrize(
    ("line", "values", "names"),
    [
        (None, {"revenue_method": "RATABLE"}, "external_id"),
        ("200", {"revenue_method": "RATABLE"}, "external_id"),
        ("200:2/../../job/7", {"revenue_method": "RATABLE"}, "external_id"),
        ("٢٠٠:2", {"revenue_method": "RATABLE"}, "external_id"),
        (LINE, {}, "revenue_method"),
        (LINE, {"revenue_method": None}, "revenue_method"),
        (LINE, {"revenue_method": ""}, "revenue_method"),
        (LINE, {"revenue_method": 3}, "revenue_method"),
        (LINE, {"revenue_method": "RATABLE", "price": "1"}, "revenue_method"),
    ],
)
async def test_a_value_that_cannot_be_is_refused_before_any_call(
    line: str | None, values: dict[str, Value], names: str
) -> None:
    """By its name, with one stable reason, for writing and verifying alike."""
    account = Account()
    change = replace(CHANGE, external_id=line, values=values)
    for act in (adapter(account).write, adapter(account).verify):
        with pytest.raises(SourceRejected, match=names) as refusal:
            await act(change)
        assert refusal.value.reason == "INVALID_VALUE"
    assert account.asked == []


def refusal(status: int, code: str, detail: str, path: str | None = None) -> httpx.Response:
    """Make an error as the vendor writes it."""
    details = {"detail": detail, "o:errorCode": code, **({"o:errorPath": path} if path else {})}
    return httpx.Response(status, json={"title": "hush", "status": status, "o:errorDetails": [details]})


INVALID = "You have entered an Invalid Field Value 41 for the following field: custcol_revenue_method"
METHOD_PATH = "item.items[0].custcol_revenue_method"


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (
            refusal(400, "INVALID_CONTENT", INVALID, METHOD_PATH),
            SourceRejected,
            r"INVALID_CONTENT at contract_line\.revenue_method \(",
        ),
        (refusal(400, "INVALID_CONTENT", "The period is closed.", "postingPeriod"), SourceRejected, "at postingPeriod"),
        (refusal(400, "INVALID_CONTENT", "The order is locked.", "<b>hush</b>"), SourceRejected, r"INVALID_CONTENT \("),
        (
            refusal(400, "INVALID_CONTENT", "Unknown property name: custcol_revenue_method.", METHOD_PATH),
            SourceMisconfigured,
            r"contract_line\.revenue_method",
        ),
        (refusal(404, "NONEXISTENT_ID", "Record does not exist."), SourceRejected, "NONEXISTENT_ID"),
        (refusal(403, "INSUFFICIENT_PERMISSION", "Permission Violation"), SourceMisconfigured, "403"),
        (refusal(429, "CONCURRENCY_LIMIT_EXCEEDED", "Blocked."), SourceThrottled, "limit"),
        (refusal(500, "UNEXPECTED_ERROR", "An unexpected error occurred."), WriteOutcomeUnknown, "lost"),
        (httpx.Response(202, headers={"Location": "/job/1"}), WriteOutcomeUnknown, "no end"),
    ],
)
async def test_answers_to_a_write_are_told_apart(answer: httpx.Response, error: type[Exception], says: str) -> None:
    """Refused, for a person, or open: with code and field, without the vendor's text."""
    account = Account(answer)
    with pytest.raises(error, match=says) as failure:
        await adapter(account).write(CHANGE)
    assert "hush" not in str(failure.value)
    assert "Invalid Field" not in str(failure.value)


async def test_an_open_outcome_is_never_sent_twice() -> None:
    """Not even when a read would be tried three times."""
    account = Account(refusal(503, "UNEXPECTED_ERROR", "busy"))
    with pytest.raises(WriteOutcomeUnknown):
        await adapter(account, attempts=3).write(CHANGE)
    assert len(account.written) == 1


async def test_a_list_of_another_shape_is_drift() -> None:
    """An id that is no text is not guessed."""

    class Odd(Account):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            answer = super().__call__(request)
            if "customlist" in self.asked[-1]:
                items = [{"id": 41, "name": "RATABLE"}]
                return httpx.Response(200, json={"items": items, "hasMore": False, "totalResults": 1})
            return answer

    account = Odd()
    with pytest.raises(SourceShapeBroken, match="id"):
        await adapter(account).write(CHANGE)
    assert account.written == []
