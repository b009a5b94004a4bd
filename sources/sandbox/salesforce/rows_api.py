"""`/sobjects/X` and `/sobjects/X/{id}`: single rows by id and by external id, with conditional requests."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from sources.sandbox.salesforce.calls import Call, Reply, Router
from sources.sandbox.salesforce.database import Row
from sources.sandbox.salesforce.errors import ApiError, not_found, refuse_row
from sources.sandbox.salesforce.fields import Field, ObjectType
from sources.sandbox.salesforce.saving import find_row
from sources.sandbox.salesforce.stamps import http_date, parse_http_date
from sources.sandbox.salesforce.tenant import Tenant


class RowsApi:
    """Reads and writes one row per call."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def add_to(self, router: Router) -> None:
        """Add the row resources; the describe and replication resources must stand before them."""
        router.add("sobjects/{object}/{id}", get=self._read, patch=self._update, delete=self._delete)
        router.add(
            "sobjects/{object}/{field}/{value}",
            get=self._read_by_key,
            patch=self._upsert,
            post=self._upsert,
            delete=self._delete_by_key,
        )

    def create(self, call: Call, names: Mapping[str, str]) -> Reply:
        """POST to an object: 201 with the new id and its address."""
        kind = self._tenant.find_object(names["object"])
        return self._created(call, kind, self._tenant.saver().create(kind, call.json_object()), {})

    def _read(self, call: Call, names: Mapping[str, str]) -> Reply:
        kind = self._tenant.find_object(names["object"])
        row = find_row(self._tenant.database, kind, names["id"])
        return self._shown(call, kind, row)

    def _read_by_key(self, call: Call, names: Mapping[str, str]) -> Reply:
        kind = self._tenant.find_object(names["object"])
        rows = self._rows_by_key(kind, _key_field(kind, names["field"]), names["value"])
        if not rows:
            raise not_found()
        return self._shown(call, kind, rows[0]) if len(rows) == 1 else _ambiguous(call, kind, rows)

    def _update(self, call: Call, names: Mapping[str, str]) -> Reply:
        kind = self._tenant.find_object(names["object"])
        row = find_row(self._tenant.database, kind, names["id"])
        check_write_conditions(call, kind, row)
        self._tenant.saver().update(kind, row["Id"], call.json_object())
        return Reply(204)

    def _delete(self, call: Call, names: Mapping[str, str]) -> Reply:
        self._tenant.saver().delete(self._tenant.find_object(names["object"]), names["id"])
        return Reply(204)

    def _delete_by_key(self, call: Call, names: Mapping[str, str]) -> Reply:
        kind = self._tenant.find_object(names["object"])
        rows = self._rows_by_key(kind, _key_field(kind, names["field"]), names["value"])
        if not rows:
            raise not_found()
        if len(rows) > 1:
            return _ambiguous(call, kind, rows)
        self._tenant.saver().delete(kind, rows[0]["Id"])
        return Reply(204)

    def _upsert(self, call: Call, names: Mapping[str, str]) -> Reply:
        kind = self._tenant.find_object(names["object"])
        field = _key_field(kind, names["field"])
        body = call.json_object()
        if any(each.lower() == field.name.lower() for each in body):
            message = f"The {field.name} field should not be specified in the sobject data."
            raise ApiError(400, "INVALID_FIELD", message, (field.name,))
        rows = self._rows_by_key(kind, field, names["value"])
        if len(rows) > 1:
            return _ambiguous(call, kind, rows)
        if rows:
            check_write_conditions(call, kind, rows[0])
            self._tenant.saver().update(kind, rows[0]["Id"], body)
            return Reply(200, {"id": rows[0]["Id"], "success": True, "errors": [], "created": False})
        if call.query.get("updateOnly", "").lower() == "true":
            raise not_found()
        row_id = self._tenant.saver().create(kind, {**body, field.name: names["value"]})
        return self._created(call, kind, row_id, {"created": True})

    def _rows_by_key(self, kind: ObjectType, field: Field, value: str) -> list[Row]:
        return self._tenant.database.table(kind.name).find_live(field, value)

    def _created(self, call: Call, kind: ObjectType, row_id: str, more: dict[str, Any]) -> Reply:
        location = f"{call.base_url}/sobjects/{kind.name}/{row_id}"
        return Reply(201, {"id": row_id, "success": True, "errors": [], **more}, {"Location": location})

    def _shown(self, call: Call, kind: ObjectType, row: Row) -> Reply:
        fields = chosen_fields(kind, call.query.get("fields"))
        body = show_row(call, kind, row, fields)
        headers = {"Last-Modified": http_date(row["LastModifiedDate"])}
        if kind.name == "Account":
            headers["ETag"] = _etag(row)
        check_precondition(call, kind, row)
        if _is_unchanged(call, kind, row):
            return Reply(304, None, headers)
        return Reply(200, body, headers)


def chosen_fields(kind: ObjectType, text: str | None) -> list[Field]:
    """The fields that a `fields` parameter names, all when there is none; 400 on a name that is no field."""
    names = [each.strip() for each in (text or "").split(",") if each.strip()]
    return fields_by_name(kind, names) if names else list(kind.fields.values())


def fields_by_name(kind: ObjectType, names: list[str]) -> list[Field]:
    """The fields of these names, once each; 400 INVALID_FIELD on a name that is no field."""
    found: dict[str, Field] = {}
    for name in names:
        field = kind.find_field(name)
        if field is None:
            message = (
                f"No such column '{name}' on entity '{kind.name}'. If you are attempting to use a custom field, be "
                "sure to append the '__c' after the custom field name. Please reference your WSDL or the describe "
                "call for the appropriate names."
            )
            raise ApiError(400, "INVALID_FIELD", message)
        found[field.name] = field
    return list(found.values())


def show_row(call: Call, kind: ObjectType, row: Row, fields: list[Field]) -> dict[str, Any]:
    """A row as the row resources print it; the id is always there."""
    record: dict[str, Any] = {
        "attributes": {"type": kind.name, "url": f"{call.base_url}/sobjects/{kind.name}/{row['Id']}"}
    }
    for field in fields:
        record[field.name] = row[field.name]
    record.setdefault("Id", row["Id"])
    return record


def check_precondition(call: Call, kind: ObjectType, row: Row) -> None:
    """412 when the row has changed since the caller saw it: If-Unmodified-Since, and If-Match on Account."""
    unmodified_since = _header_date(call, "if-unmodified-since")
    if unmodified_since is not None and row["LastModifiedDate"] > unmodified_since:
        raise _precondition_failed()
    if kind.name == "Account" and "if-match" in call.headers and not _etag_listed(call.headers["if-match"], row):
        raise _precondition_failed()


def check_write_conditions(call: Call, kind: ObjectType, row: Row) -> None:
    """412 when a conditional header forbids the write, 400 when one is malformed."""
    check_precondition(call, kind, row)
    modified_since = _header_date(call, "if-modified-since")
    if modified_since is not None and row["LastModifiedDate"] <= modified_since:
        raise _precondition_failed()
    none_match = call.headers.get("if-none-match")
    if kind.name == "Account" and none_match is not None and _etag_listed(none_match, row):
        raise _precondition_failed()


def _is_unchanged(call: Call, kind: ObjectType, row: Row) -> bool:
    none_match = call.headers.get("if-none-match")
    if kind.name == "Account" and none_match is not None:
        return _etag_listed(none_match, row)
    modified_since = _header_date(call, "if-modified-since")
    return modified_since is not None and row["LastModifiedDate"] <= modified_since


def _header_date(call: Call, name: str) -> str | None:
    """The instant in a conditional header; a malformed one is refused on writes and passed over on reads."""
    text = call.headers.get(name)
    if text is None:
        return None
    try:
        return parse_http_date(text)
    except ValueError:
        if call.method in {"PATCH", "POST"}:
            raise ApiError(400, "INVALID_HEADER", f"Invalid date in the header {name}: {text}") from None
        return None


def _precondition_failed() -> ApiError:
    return ApiError(412, "PRECONDITION_FAILED", "The precondition specified in the request headers was not met")


def _etag(row: Row) -> str:
    digest = hashlib.sha256(orjson.dumps(row)).digest()[:24]
    return f'"{base64.b64encode(digest).decode()}="'


def _etag_listed(header: str, row: Row) -> bool:
    tags = {each.strip().removeprefix("W/").replace("--gzip", "") for each in header.split(",")}
    return "*" in tags or _etag(row) in tags


def _key_field(kind: ObjectType, name: str) -> Field:
    field = kind.find_field(name)
    if field is None or not (field.external_id or field.id_lookup):
        message = f"Provided external ID field does not exist or is not accessible: {name}"
        raise ApiError(404, "NOT_FOUND", message)
    if field.name == "Id":
        raise refuse_row("INVALID_FIELD", "The Id field cannot be used as an external id", "Id")
    return field


def _ambiguous(call: Call, kind: ObjectType, rows: list[Row]) -> Reply:
    return Reply(300, [f"{call.base_url}/sobjects/{kind.name}/{quote(row['Id'])}" for row in rows])
