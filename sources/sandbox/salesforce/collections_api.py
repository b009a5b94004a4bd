"""`/composite/sobjects`: many rows per call, with an outcome for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sources.sandbox.salesforce.calls import Call, Reply, Router
from sources.sandbox.salesforce.errors import ApiError, refuse_row
from sources.sandbox.salesforce.fields import Field, ObjectType
from sources.sandbox.salesforce.ids import find_id18
from sources.sandbox.salesforce.rows_api import fields_by_name, show_row
from sources.sandbox.salesforce.saving import Saver
from sources.sandbox.salesforce.tenant import Tenant

MAX_READ_ROWS = 2_000
MAX_WRITTEN_ROWS = 200

Outcome = dict[str, Any]
_Write = Callable[[Saver, Any], Outcome]


class _AnyRowFailed(Exception):
    """Raised inside the savepoint of an all-or-none call to undo it."""


class CollectionsApi:
    """Reads up to 2,000 and writes up to 200 rows per call."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def add_to(self, router: Router) -> None:
        """Add the collections resources."""
        router.add("composite/sobjects", post=self._create, patch=self._update, delete=self._delete)
        router.add("composite/sobjects/{object}", get=self._read_get, post=self._read_post)
        router.add("composite/sobjects/{object}/{field}", patch=self._upsert)

    def _read_get(self, call: Call, names: Mapping[str, str]) -> Reply:
        ids = _listed(call.query.get("ids"))
        return self._read(call, names["object"], ids, _listed(call.query.get("fields")))

    def _read_post(self, call: Call, names: Mapping[str, str]) -> Reply:
        body = call.json_object()
        return self._read(call, names["object"], body.get("ids"), body.get("fields"))

    def _read(self, call: Call, object_name: str, ids: Any, fields: Any) -> Reply:
        kind = self._tenant.find_object(object_name)
        if not _is_text_list(ids) or not _is_text_list(fields):
            raise ApiError(400, "MISSING_ARGUMENT", "The ids and fields parameters are required lists of text")
        _check_count(ids, MAX_READ_ROWS)
        shown = fields_by_name(kind, fields)
        stored = self._tenant.database.table(kind.name).rows
        rows = [stored.get(find_id18(each) or "") for each in ids]
        live = [None if row is None or row["IsDeleted"] else row for row in rows]
        return Reply(body=[None if row is None else show_row(call, kind, row, shown) for row in live])

    def _create(self, call: Call, _names: Mapping[str, str]) -> Reply:
        def write(saver: Saver, record: Any) -> Outcome:
            return _success(saver.create(self._kind_of(record), record))

        return self._write_records(call, write)

    def _update(self, call: Call, _names: Mapping[str, str]) -> Reply:
        def write(saver: Saver, record: Any) -> Outcome:
            kind = self._kind_of(record)
            key = next((each for each in record if each.lower() == "id"), None)
            if key is None:
                raise refuse_row("MISSING_ARGUMENT", "Id not specified in an update call")
            row_id = self._checked_id(kind, record[key])
            saver.update(kind, row_id, {name: value for name, value in record.items() if name != key})
            return _success(row_id)

        return self._write_records(call, write)

    def _upsert(self, call: Call, names: Mapping[str, str]) -> Reply:
        kind = self._tenant.find_object(names["object"])
        field = kind.find_field(names["field"])
        if field is None or not field.external_id:
            message = f"Provided external ID field does not exist or is not accessible: {names['field']}"
            raise ApiError(404, "NOT_FOUND", message)

        def write(saver: Saver, record: Any) -> Outcome:
            if self._kind_of(record) is not kind:
                raise refuse_row("INVALID_TYPE", f"All records must be of type {kind.name}")
            return self._upsert_one(saver, kind, field, record)

        return self._write_records(call, write)

    def _upsert_one(self, saver: Saver, kind: ObjectType, field: Field, record: dict[str, Any]) -> Outcome:
        key = next((each for each in record if each.lower() == field.name.lower()), None)
        value = record.get(key) if key is not None else None
        if not isinstance(value, str) or not value:
            raise refuse_row("MISSING_ARGUMENT", f"{field.name} not specified", field.name)
        rows = self._tenant.database.table(kind.name).find_live(field, value)
        if len(rows) > 1:
            message = f"{field.name}: more than one record found for external id field"
            raise refuse_row("DUPLICATE_EXTERNAL_ID", message, field.name)
        if not rows:
            return {**_success(saver.create(kind, record)), "created": True}
        rest = {name: each for name, each in record.items() if name != key}
        saver.update(kind, rows[0]["Id"], rest)
        return {**_success(rows[0]["Id"]), "created": False}

    def _delete(self, call: Call, _names: Mapping[str, str]) -> Reply:
        ids = _listed(call.query.get("ids"))
        if not ids:
            raise ApiError(400, "MISSING_ARGUMENT", "Must send a comma separated list of ids in the ids parameter")
        _check_count(ids, MAX_WRITTEN_ROWS)

        def write(saver: Saver, given: Any) -> Outcome:
            id18 = find_id18(given)
            kind = self._tenant.database.kind_of(id18) if id18 is not None else None
            if id18 is None or kind is None:
                raise refuse_row("MALFORMED_ID", f"malformed id {given}")
            saver.delete(kind, self._checked_id(kind, id18))
            return _success(id18)

        all_or_none = call.query.get("allOrNone", "false").lower() == "true"
        return Reply(body=self._write_all(ids, write, all_or_none=all_or_none))

    def _write_records(self, call: Call, write: _Write) -> Reply:
        body = call.json_object()
        records = body.get("records")
        unknown = set(body) - {"records", "allOrNone"}
        if unknown:
            raise ApiError(400, "JSON_PARSER_ERROR", f'Unrecognized field "{min(unknown)}"')
        if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
            raise ApiError(400, "JSON_PARSER_ERROR", "The records property is a required list of objects")
        _check_count(records, MAX_WRITTEN_ROWS)
        return Reply(body=self._write_all(records, write, all_or_none=body.get("allOrNone") is True))

    def _write_all(self, items: list[Any], write: _Write, *, all_or_none: bool) -> list[Outcome]:
        saver = self._tenant.saver()
        outcomes: list[Outcome] = []
        try:
            with self._tenant.database.savepoint():
                outcomes.extend(_outcome(saver, write, item) for item in items)
                if all_or_none:
                    _require_success(outcomes)
        except _AnyRowFailed:
            return [_rolled_back() if each["success"] else each for each in outcomes]
        return outcomes

    def _kind_of(self, record: dict[str, Any]) -> ObjectType:
        attributes = record.get("attributes")
        name = attributes.get("type") if isinstance(attributes, dict) else None
        if not isinstance(name, str):
            raise refuse_row("INVALID_TYPE", "Each record must have an attributes object with its type")
        kind = self._tenant.database.catalogue.get(name.lower())
        if kind is None:
            raise refuse_row("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        return kind

    def _checked_id(self, kind: ObjectType, given: Any) -> str:
        id18 = find_id18(given)
        if id18 is None or not id18.startswith(kind.key_prefix):
            raise refuse_row("MALFORMED_ID", f"{kind.label} ID: id value of incorrect type: {given}", "Id")
        if id18 not in self._tenant.database.table(kind.name).rows:
            raise refuse_row("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        return id18


def _outcome(saver: Saver, write: _Write, item: Any) -> Outcome:
    try:
        return write(saver, item)
    except ApiError as exc:
        return {"success": False, "errors": [exc.row_error()]}


def _require_success(outcomes: list[Outcome]) -> None:
    if not all(each["success"] for each in outcomes):
        raise _AnyRowFailed


def _success(row_id: str) -> Outcome:
    return {"id": row_id, "success": True, "errors": []}


def _rolled_back() -> Outcome:
    message = "Record rolled back because not all records were valid and the request was using AllOrNone header"
    return {"success": False, "errors": [refuse_row("ALL_OR_NONE_OPERATION_ROLLED_BACK", message).row_error()]}


def _listed(text: str | None) -> list[str]:
    return [each.strip() for each in (text or "").split(",") if each.strip()]


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def _check_count(items: list[Any], limit: int) -> None:
    if len(items) > limit:
        message = f"record limit reached. cannot submit more than {limit} records into this call"
        raise ApiError(400, "EXCEEDED_ID_LIMIT", message)
