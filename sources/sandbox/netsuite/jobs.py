"""Asynchronous requests: `Prefer: respond-async`, jobs, their tasks and results, idempotency keys, batches.

A job has run by the time its 202 is sent; what the vendor does later in the background is done here
at once, which a poller cannot tell from a fast account.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from sources.sandbox.netsuite.calls import Call
from sources.sandbox.netsuite.record_reads import EXTERNAL_ID_PREFIX
from sources.sandbox.netsuite.replies import (
    COLLECTION_TYPE,
    Refusal,
    Reply,
    error,
    invalid_content,
    invalid_parameter,
    invalid_request,
    method_not_allowed,
    nonexistent_record,
)

JOB_ROOT = "/services/rest/async/v1/job"
MAX_BATCH = 100
_KEY_HEADER = "x-netsuite-idempotency-key"
Handler = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Job:
    """An asynchronous request and what became of each of its tasks."""

    number: int
    results: tuple[Reply, ...]


class Jobs:
    """Keeps the jobs of this run; `handler` answers one ordinary call."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._jobs: dict[int, Job] = {}
        self._keys: dict[str, int] = {}

    def submit(self, call: Call) -> Reply:
        """Run a request as a job: 202 with the job's Location, or the 400 "Conflict" of a repeated key."""
        key = call.headers.get(_KEY_HEADER)
        if key is not None and key in self._keys:
            location = {"Location": call.url(f"{JOB_ROOT}/{self._keys[key]}")}
            detail = "A request with the same idempotency key has already been submitted."
            raise error(
                400,
                "IDEMPOTENCY_ERROR",
                detail,
                title="Conflict",
                headers=location,
                where={"errorHeader": "X-NetSuite-Idempotency-Key"},
            )
        tasks = _tasks(call)
        job = Job(len(self._jobs) + 1, tuple(self._answer(task) for task in tasks))
        self._jobs[job.number] = job
        if key is not None:
            self._keys[key] = job.number
        headers = {"Location": call.url(f"{JOB_ROOT}/{job.number}"), "Preference-Applied": "respond-async"}
        return Reply(202, headers=headers)

    def _answer(self, call: Call) -> Reply:
        try:
            return self._handler(call)
        except Refusal as refusal:
            return refusal.reply

    def show(self, call: Call, segments: tuple[str, ...]) -> Reply:
        """`/job/{id}`, `/job/{id}/task`, `/job/{id}/task/{n}`, `/job/{id}/task/{n}/result`."""
        if call.method != "GET":
            raise method_not_allowed(call.method)
        call.allow_parameters("limit", "offset")
        job = self._jobs.get(int(segments[0])) if segments and segments[0].isdigit() else None
        if job is None:
            raise nonexistent_record()
        match segments[1:]:
            case ():
                return Reply(200, _job_body(call, job))
            case ("task",):
                return Reply(200, _tasks_body(call, job), COLLECTION_TYPE)
            case ("task", number):
                return Reply(200, _task_body(call, job, _task_number(job, number)))
            case ("task", number, "result"):
                return job.results[_task_number(job, number) - 1]
            case _:
                raise nonexistent_record()


def _task_number(job: Job, text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= len(job.results):
        raise nonexistent_record()
    return int(text)


def _job_body(call: Call, job: Job) -> dict[str, Any]:
    address = call.url(f"{JOB_ROOT}/{job.number}")
    failed = any(reply.status >= 400 for reply in job.results)
    return {
        "links": [{"rel": "self", "href": address}],
        "id": str(job.number),
        "completed": True,
        "progress": "failed" if failed else "succeeded",
        "task": {"links": [{"rel": "self", "href": f"{address}/task"}]},
    }


def _task_body(call: Call, job: Job, number: int) -> dict[str, Any]:
    address = call.url(f"{JOB_ROOT}/{job.number}/task/{number}")
    return {
        "links": [{"rel": "self", "href": address}],
        "id": str(number),
        "completed": True,
        "progress": "failed" if job.results[number - 1].status >= 400 else "succeeded",
        "result": {"links": [{"rel": "self", "href": f"{address}/result"}]},
    }


def _tasks_body(call: Call, job: Job) -> dict[str, Any]:
    items = [_task_body(call, job, number) for number in range(1, len(job.results) + 1)]
    links = [{"rel": "self", "href": call.url(f"{JOB_ROOT}/{job.number}/task")}]
    return {
        "links": links,
        "count": len(items),
        "hasMore": False,
        "items": items,
        "offset": 0,
        "totalResults": len(items),
    }


def is_batch(call: Call) -> bool:
    """Whether a call on a collection works on several records at once."""
    return "ids" in call.query or "expandRecords" in call.query or _is_collection(call)


def _is_collection(call: Call) -> bool:
    return "type=collection" in call.headers.get("content-type", "").replace(" ", "").lower()


def _tasks(call: Call) -> list[Call]:
    """The ordinary calls that an asynchronous one stands for."""
    if not is_batch(call):
        return [call]
    if call.method in {"GET", "DELETE"}:
        query = {name: value for name, value in call.query.items() if name not in {"ids", "expandRecords"}}
        return [
            replace(call, query=query, segments=(*call.segments, key), path=f"{call.path}/{key}") for key in _keys(call)
        ]
    return [_item_call(call, item, position) for position, item in enumerate(_items(call))]


def _keys(call: Call) -> list[str]:
    if call.method == "GET" and call.query.get("expandRecords", "").lower() != "true":
        raise invalid_parameter("Reading by ids needs expandRecords=true.", where={"errorQueryParam": "expandRecords"})
    keys = [key.strip() for key in call.query.get("ids", "").split(",") if key.strip()]
    if not keys:
        raise invalid_parameter("The parameter ids is missing.", where={"errorQueryParam": "ids"})
    return _bounded(keys)


def _items(call: Call) -> list[dict[str, Any]]:
    items = call.json_object().get("items")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise invalid_request("The request body must be an object with a list of items.", where={"errorPath": "items"})
    return _bounded(items)


def _bounded(listed: list[Any]) -> list[Any]:
    if len(listed) > MAX_BATCH:
        raise invalid_request(f"A batch has at most {MAX_BATCH} records.")
    return listed


def _item_call(call: Call, item: dict[str, Any], position: int) -> Call:
    body = orjson.dumps({name: value for name, value in item.items() if name != "id"})
    if call.method == "POST":
        return replace(call, body=body)
    external = f"{EXTERNAL_ID_PREFIX}{item['externalId']}" if item.get("externalId") else None
    key = str(item["id"]) if item.get("id") and call.method == "PATCH" else external
    if key is None:
        raise invalid_content("An item needs an id or an externalId.", f"items[{position}]")
    return replace(call, body=body, segments=(*call.segments, key), path=f"{call.path}/{key}")
