"""`/composite` and `/composite/batch`: several calls in one, dependent or independent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sources.sandbox.salesforce.calls import Call, Reply, Router, split_url
from sources.sandbox.salesforce.errors import ApiError
from sources.sandbox.salesforce.tenant import Tenant

MAX_SUB_REQUESTS = 25
MAX_QUERY_SUB_REQUESTS = 5
_REFERENCE_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_REFERENCE = re.compile(r"@\{([^}]*)\}")
_STEP = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]")
_METHODS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})
_UNSENT = frozenset({"accept", "authorization", "content-type"})

Dispatch = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class _SubRequest:
    method: str
    url: str
    reference_id: str
    body: Any
    headers: dict[str, str]


class _Halted(Exception):
    """Raised inside the savepoint of an all-or-none composite to undo it."""


class CompositeApi:
    """Runs sub-requests through the same resources as calls of their own."""

    def __init__(self, tenant: Tenant, dispatch: Dispatch) -> None:
        self._tenant = tenant
        self._dispatch = dispatch

    def add_to(self, router: Router) -> None:
        """Add the composite resources."""
        router.add("composite", get=_list_resources, post=self._composite)
        router.add("composite/batch", post=self._batch)

    def _composite(self, call: Call, _names: Mapping[str, str]) -> Reply:
        body = call.json_object()
        requests = [_sub_request(each) for each in _request_list(body, "compositeRequest")]
        _check_composite(requests)
        if body.get("allOrNone") is not True:
            return Reply(body={"compositeResponse": self._run(call, requests, all_or_none=False)})
        return Reply(body={"compositeResponse": self._run_all_or_none(call, requests)})

    def _run_all_or_none(self, call: Call, requests: list[_SubRequest]) -> list[dict[str, Any]]:
        responses: list[dict[str, Any]] = []
        try:
            with self._tenant.database.savepoint():
                responses = self._run(call, requests, all_or_none=True)
                _require_success(responses)
        except _Halted:
            failed = next(i for i, each in enumerate(responses) if each["httpStatusCode"] >= 300)
            return [responses[i] if i == failed else _rolled_back(each) for i, each in enumerate(requests)]
        return responses

    def _run(self, call: Call, requests: list[_SubRequest], *, all_or_none: bool) -> list[dict[str, Any]]:
        responses: list[dict[str, Any]] = []
        known: dict[str, Any] = {}
        for request in requests:
            reply = self._reply(call, request, known)
            if reply.status < 300:
                known[request.reference_id] = reply.body
            responses.append(_response(request, reply))
            if all_or_none and reply.status >= 300:
                break
        return responses

    def _reply(self, call: Call, request: _SubRequest, known: dict[str, Any]) -> Reply:
        try:
            url = _resolved(request.url, known)
            body = _resolved(request.body, known)
            return self._dispatch(_inner_call(call, request, url, body))
        except ApiError as exc:
            return Reply(exc.status, exc.body())

    def _batch(self, call: Call, _names: Mapping[str, str]) -> Reply:
        body = call.json_object()
        items = _request_list(body, "batchRequests")
        results: list[dict[str, Any]] = []
        halted = False
        for item in items:
            reply = _batch_halted() if halted else self._batch_reply(call, item)
            results.append({"statusCode": reply.status, "result": reply.body})
            halted = halted or (body.get("haltOnError") is True and reply.status >= 400)
        return Reply(body={"hasErrors": any(each["statusCode"] >= 400 for each in results), "results": results})

    def _batch_reply(self, call: Call, item: Any) -> Reply:
        try:
            request = _batch_request(item)
            return self._dispatch(_inner_call(call, request, request.url, request.body))
        except ApiError as exc:
            return Reply(exc.status, exc.body())


def _require_success(responses: list[dict[str, Any]]) -> None:
    if any(each["httpStatusCode"] >= 300 for each in responses):
        raise _Halted


def _list_resources(call: Call, _names: Mapping[str, str]) -> Reply:
    return Reply(body={each: f"{call.base_url}/composite/{each}" for each in ("batch", "sobjects")})


def _request_list(body: dict[str, Any], key: str) -> list[Any]:
    items = body.get(key)
    if not isinstance(items, list) or not items:
        raise ApiError(400, "JSON_PARSER_ERROR", f"The {key} property is a required list of requests")
    if len(items) > MAX_SUB_REQUESTS:
        message = f"The request can’t contain more than {MAX_SUB_REQUESTS} operations."
        raise ApiError(400, "LIMIT_EXCEEDED", message)
    return items


def _sub_request(item: Any) -> _SubRequest:
    if not isinstance(item, dict):
        raise ApiError(400, "JSON_PARSER_ERROR", "Each composite request is an object")
    method, url, reference_id = (item.get(name) for name in ("method", "url", "referenceId"))
    if not isinstance(url, str) or not isinstance(reference_id, str) or method not in _METHODS:
        raise ApiError(400, "JSON_PARSER_ERROR", "Each composite request needs a method, a url and a referenceId")
    if not _REFERENCE_ID.match(reference_id):
        raise ApiError(400, "JSON_PARSER_ERROR", f"Provided referenceId '{reference_id}' must start with a letter")
    headers = item.get("httpHeaders") or {}
    return _SubRequest(method, url, reference_id, item.get("body"), {k.lower(): str(v) for k, v in headers.items()})


def _batch_request(item: Any) -> _SubRequest:
    if not isinstance(item, dict) or not isinstance(item.get("url"), str):
        raise ApiError(400, "JSON_PARSER_ERROR", "Each batch request needs a method and a url")
    url = item["url"].removeprefix("/services/data/").lstrip("/")
    return _SubRequest(str(item.get("method", "")).upper(), f"/services/data/{url}", "", item.get("richInput"), {})


def _check_composite(requests: list[_SubRequest]) -> None:
    seen: set[str] = set()
    for each in requests:
        if each.reference_id in seen:
            raise ApiError(400, "JSON_PARSER_ERROR", f"Duplicate referenceId {each.reference_id} in composite request")
        seen.add(each.reference_id)
    wide = [each for each in requests if _is_query_or_collection(each.url)]
    if len(wide) > MAX_QUERY_SUB_REQUESTS:
        message = f"The request can’t contain more than {MAX_QUERY_SUB_REQUESTS} query or collections operations."
        raise ApiError(400, "LIMIT_EXCEEDED", message)


def _is_query_or_collection(url: str) -> bool:
    path, _ = split_url(url)
    return path[3:4] in {("query",), ("queryAll",)} or path[3:5] == ("composite", "sobjects")


def _inner_call(call: Call, request: _SubRequest, url: str, body: Any) -> Call:
    """The call that a sub-request stands for; it may name another API version, but no composite again."""
    path, query = split_url(url)
    if path[:2] != ("services", "data") or len(path) < 4:
        raise ApiError(400, "NOT_FOUND", f"The url {url} must start with /services/data/vXX.X/")
    if request.method not in _METHODS:
        raise ApiError(405, "METHOD_NOT_ALLOWED", f"HTTP Method '{request.method}' not allowed.")
    if path[3] == "composite" and path[4:5] != ("sobjects",):
        raise ApiError(400, "OPERATION_NOT_ALLOWED", "A composite request cannot contain another one")
    inherited = {name: value for name, value in call.headers.items() if name == "sforce-query-options"}
    headers = {name: value for name, value in request.headers.items() if name not in _UNSENT}
    return Call(request.method, path[2], path[3:], query, {**inherited, **headers}, document=body)


def _resolved(value: Any, known: dict[str, Any]) -> Any:
    """The value with every `@{ref.path}` replaced by what the referenced reply holds there."""
    if isinstance(value, dict):
        return {key: _resolved(each, known) for key, each in value.items()}
    if isinstance(value, list):
        return [_resolved(each, known) for each in value]
    if not isinstance(value, str):
        return value
    return _REFERENCE.sub(lambda found: _looked_up(found[1], known), value)


def _looked_up(reference: str, known: dict[str, Any]) -> str:
    name = re.match(r"\w*", reference)
    reference_id = name[0] if name is not None else ""
    found = known.get(reference_id)
    for step in _STEP.finditer(reference[len(reference_id) :]):
        found = _step_into(found, step)
    if found is None or isinstance(found, (dict, list)):
        message = f"Invalid reference specified. No value for {reference} found in {reference_id}"
        raise ApiError(400, "PROCESSING_HALTED", message)
    return str(found)


def _step_into(found: Any, step: re.Match[str]) -> Any:
    if step[1] is not None:
        return found.get(step[1]) if isinstance(found, dict) else None
    place = int(step[2])
    return found[place] if isinstance(found, list) and place < len(found) else None


def _response(request: _SubRequest, reply: Reply) -> dict[str, Any]:
    return {
        "body": reply.body,
        "httpHeaders": reply.headers,
        "httpStatusCode": reply.status,
        "referenceId": request.reference_id,
    }


def _rolled_back(request: _SubRequest) -> dict[str, Any]:
    message = "The transaction was rolled back since another operation in the same transaction failed."
    return _response(request, Reply(400, [{"errorCode": "PROCESSING_HALTED", "message": message}]))


def _batch_halted() -> Reply:
    message = "Batch processing halted per request"
    return Reply(412, [{"errorCode": "BATCH_PROCESSING_HALTED", "message": message}])
