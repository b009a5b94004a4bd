"""`/record/v1/metadata-catalog`: the names of the record types and their schemas."""

from __future__ import annotations

from typing import Any

from sources.sandbox.netsuite.calls import Call
from sources.sandbox.netsuite.record_types import RECORD_TYPES, Field, RecordType, Shape
from sources.sandbox.netsuite.record_values import RECORD_ROOT
from sources.sandbox.netsuite.replies import (
    COLLECTION_TYPE,
    Reply,
    invalid_parameter,
    method_not_allowed,
    nonexistent_record,
)

_SCHEMA_TYPE, _SWAGGER_TYPE = "application/schema+json", "application/swagger+json"
_SHAPES: dict[Shape, dict[str, Any]] = {
    Shape.STRING: {"type": "string"},
    Shape.DOUBLE: {"type": "number", "format": "double"},
    Shape.INTEGER: {"type": "integer", "format": "int64"},
    Shape.BOOLEAN: {"type": "boolean"},
    Shape.DATE: {"type": "string", "format": "date"},
    Shape.DATE_TIME: {"type": "string", "format": "date-time"},
    Shape.DURATION: {"type": "string"},
    Shape.REFERENCE: {"type": "object", "properties": {"id": {"type": "string"}, "refName": {"type": "string"}}},
    Shape.ENUM: {"type": "object", "properties": {"id": {"type": "string"}, "refName": {"type": "string"}}},
}


def show_catalog(call: Call, segments: tuple[str, ...]) -> Reply:
    """The list of types, one type's JSON Schema, or an OpenAPI document of the types selected."""
    if call.method != "GET":
        raise method_not_allowed(call.method)
    call.allow_parameters("select")
    accept = call.headers.get("accept", "")
    if segments:
        record = RECORD_TYPES.get(segments[0])
        if record is None or len(segments) > 1:
            raise nonexistent_record()
        if _SWAGGER_TYPE in accept:
            return Reply(200, _openapi(call, [record]), _SWAGGER_TYPE)
        if _SCHEMA_TYPE in accept:
            return Reply(200, _schema(record), _SCHEMA_TYPE)
        return Reply(200, _entry(call, record.name))
    records = _selected(call)
    if _SWAGGER_TYPE in accept:
        return Reply(200, _openapi(call, records), _SWAGGER_TYPE)
    return Reply(200, {"items": [_entry(call, record.name) for record in records]}, COLLECTION_TYPE)


def _selected(call: Call) -> list[RecordType]:
    if "select" not in call.query:
        return list(RECORD_TYPES.values())
    names = [name.strip() for name in call.query["select"].split(",")]
    unknown = [name for name in names if name not in RECORD_TYPES]
    if unknown:
        raise invalid_parameter(f"Unknown record type: {unknown[0]}.", where={"errorQueryParam": "select"})
    return [RECORD_TYPES[name] for name in names]


def _entry(call: Call, name: str) -> dict[str, Any]:
    address = call.url(f"{RECORD_ROOT}/metadata-catalog/{name}")
    return {
        "name": name,
        "links": [
            {"rel": "canonical", "href": address, "mediaType": _SCHEMA_TYPE},
            {"rel": "alternate", "href": address, "mediaType": _SWAGGER_TYPE},
            {"rel": "describes", "href": call.url(f"{RECORD_ROOT}/{name}")},
        ],
    }


def _property(item: Field, *, filterable: bool) -> dict[str, Any]:
    shown = {"title": item.name, **_SHAPES[item.shape]}
    if item.read_only:
        shown["readOnly"] = True
    if filterable:
        shown["x-ns-filterable"] = True
    if item.name.startswith("cust"):
        shown["x-ns-custom-field"] = True
    return shown


def _schema(record: RecordType) -> dict[str, Any]:
    properties = {name: _property(item, filterable=True) for name, item in record.fields.items()}
    if record.sublist is not None:
        lines = {name: _property(item, filterable=False) for name, item in record.sublist.fields.items()}
        items = {"type": "array", "items": {"type": "object", "properties": lines}}
        properties[record.sublist.name] = {"type": "object", "properties": {"items": items}}
    return {"type": "object", "x-ns-name": record.name, "properties": properties}


def _openapi(call: Call, records: list[RecordType]) -> dict[str, Any]:
    paths: dict[str, Any] = {
        f"/{record.name}": {"get": {}, **({"post": {}} if record.writable else {})} for record in records
    }
    paths |= {
        f"/{record.name}/{{id}}": {"get": {}, **({"patch": {}, "delete": {}} if record.writable else {})}
        for record in records
    }
    return {
        "openapi": "3.0.1",
        "info": {"title": "NetSuite REST Record API", "version": "1.0"},
        "servers": [{"url": call.url(RECORD_ROOT)}],
        "paths": paths,
        "components": {"schemas": {record.name: _schema(record) for record in records}},
    }
