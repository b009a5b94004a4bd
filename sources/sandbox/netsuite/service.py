"""The HTTP face: authentication, the account's concurrency limit, and which handler answers which path."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sources.sandbox.netsuite.access import Access
from sources.sandbox.netsuite.books import Books
from sources.sandbox.netsuite.calls import Call, parse_query
from sources.sandbox.netsuite.catalog import show_catalog
from sources.sandbox.netsuite.jobs import JOB_ROOT, Jobs, is_batch
from sources.sandbox.netsuite.queries import SuiteQL
from sources.sandbox.netsuite.record_reads import RecordReads
from sources.sandbox.netsuite.record_types import RECORD_TYPES, RecordType
from sources.sandbox.netsuite.record_values import RECORD_ROOT
from sources.sandbox.netsuite.record_writes import RecordWrites
from sources.sandbox.netsuite.replies import (
    Refusal,
    Reply,
    concurrency_exceeded,
    error,
    invalid_request,
    method_not_allowed,
)

TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"
QUERY_PATH = "/services/rest/query/v1/suiteql"
_ROOT = "/services/rest/"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class Service:
    """One account on the wire.

    Work on the books runs on one thread of its own, so that requests overlap as they do at the vendor
    and the concurrency limit means what it says: `limit` requests at a time, the next one gets 429.
    """

    def __init__(self, books: Books, access: Access, *, limit: int) -> None:
        self._access = access
        self._limit = limit
        self._running = 0
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="netsuite-sandbox")
        self._queries = SuiteQL(books)
        self._reads = RecordReads(books)
        self._writes = RecordWrites(books, self._reads)
        self._jobs = Jobs(self._record_call)

    def routes(self) -> list[Route]:
        """The routes; whatever is under /services/rest answers in the vendor's shape."""
        return [
            Route(TOKEN_PATH, self._token, methods=_METHODS),
            Route(_ROOT + "{rest:path}", self._call, methods=_METHODS),
        ]

    async def _token(self, request: Request) -> Response:
        if request.method != "POST":
            return method_not_allowed(request.method).reply.response()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            return Reply(400, {"error": "invalid_request"}, "application/json").response()
        return self._access.token_reply(await request.body(), _base(request) + TOKEN_PATH).response()

    async def _call(self, request: Request) -> Response:
        try:
            self._access.check(request.method, _address(request), request.headers.get("authorization"))
        except Refusal as refusal:
            return refusal.reply.response()
        if self._running >= self._limit:
            return concurrency_exceeded().response()
        self._running += 1
        try:
            return (await self._run(request)).response()
        finally:
            self._running -= 1

    async def _run(self, request: Request) -> Reply:
        try:
            call = await _read(request)
            return await asyncio.get_running_loop().run_in_executor(self._worker, self._route, call)
        except Refusal as refusal:
            return refusal.reply

    def _route(self, call: Call) -> Reply:
        if call.path == QUERY_PATH:
            return self._queries.answer(call)
        if call.path == JOB_ROOT or call.path.startswith(f"{JOB_ROOT}/"):
            return self._jobs.show(call, call.segments[3:])
        if call.path.startswith(f"{RECORD_ROOT}/"):
            if call.segments[2] == "metadata-catalog":
                return show_catalog(call, call.segments[3:])
            return self._record(call)
        raise _no_such_path(call)

    def _record(self, call: Call) -> Reply:
        if "respond-async" in call.preferences():
            return self._jobs.submit(call)
        if is_batch(call):
            raise invalid_request("A batch needs the header Prefer: respond-async.", where={"errorHeader": "Prefer"})
        return self._record_call(call)

    def _record_call(self, call: Call) -> Reply:
        """One synchronous call on records. Segments: record, v1, type, id, sublist, line."""
        name, rest = call.segments[2], call.segments[3:]
        record = RECORD_TYPES.get(name)
        if record is None:
            raise error(404, "INVALID_REQUEST", f"Record type '{name}' does not exist or cannot be accessed.")
        if any(part.startswith("!") for part in rest):
            raise error(501, "NOT_SUPPORTED", "Transform, attach and detach are not offered by this account.")
        match rest:
            case ():
                return self._collection(call, record)
            case (key,):
                return self._single(call, record, key)
            case (key, sublist, *line) if len(line) <= 1:
                if call.method != "GET":
                    raise method_not_allowed(call.method)
                return self._reads.sublist(call, record, key, sublist, line[0] if line else None)
            case _:
                raise _no_such_path(call)

    def _collection(self, call: Call, record: RecordType) -> Reply:
        match call.method:
            case "GET":
                return self._reads.page(call, record)
            case "POST":
                return self._writes.create(call, record)
            case _:
                raise method_not_allowed(call.method)

    def _single(self, call: Call, record: RecordType, key: str) -> Reply:
        match call.method:
            case "GET":
                return self._reads.one(call, record, key)
            case "PATCH":
                return self._writes.update(call, record, key)
            case "PUT":
                return self._writes.upsert(call, record, key)
            case "DELETE":
                return self._writes.delete(call, record, key)
            case _:
                raise method_not_allowed(call.method)


def _no_such_path(call: Call) -> Refusal:
    return error(
        404, "INVALID_REQUEST", f"The requested URL does not exist: {call.path}.", where={"errorUrl": call.path}
    )


def _base(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _raw_path(request: Request) -> str:
    """The path as the client encoded it: signatures cover it, and an encoded slash does not split it."""
    raw: bytes | None = request.scope.get("raw_path")
    return request.url.path if raw is None else raw.partition(b"?")[0].decode("latin-1")


def _address(request: Request) -> str:
    query = request.scope["query_string"].decode("latin-1")
    return _base(request) + _raw_path(request) + (f"?{query}" if query else "")


async def _read(request: Request) -> Call:
    path = _raw_path(request)
    return Call(
        method=request.method,
        base=_base(request),
        path=path,
        query=parse_query(request.scope["query_string"].decode("latin-1")),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.body(),
        segments=tuple(unquote(part) for part in path.removeprefix(_ROOT).split("/") if part),
    )
