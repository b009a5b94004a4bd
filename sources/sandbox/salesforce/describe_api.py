"""`/sobjects` and `/sobjects/X/describe`: what the tenant's objects and fields are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sources.sandbox.salesforce.calls import Call, Reply, Router
from sources.sandbox.salesforce.fields import Field, ObjectType
from sources.sandbox.salesforce.rows_api import RowsApi, show_row
from sources.sandbox.salesforce.stamps import http_date, parse_http_date, stamp
from sources.sandbox.salesforce.tenant import Tenant

_SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
}
_RECENT_ROWS = 5


class DescribeApi:
    """Describes the objects; their metadata has not changed since the tenant started."""

    def __init__(self, tenant: Tenant, rows: RowsApi) -> None:
        self._tenant = tenant
        self._rows = rows
        self._changed = stamp(tenant.now())

    def add_to(self, router: Router) -> None:
        """Add the describe resources, and the object resource that creating rows shares."""
        router.add("sobjects", get=self._all)
        router.add("sobjects/{object}", get=self._basic, post=self._rows.create)
        router.add("sobjects/{object}/describe", get=self._one)

    def _all(self, call: Call, _names: Mapping[str, str]) -> Reply:
        kinds = self._tenant.database.catalogue.values()
        body = {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [_summary(call, each) for each in kinds]}
        return self._unless_unchanged(call, body)

    def _basic(self, call: Call, names: Mapping[str, str]) -> Reply:
        kind = self._tenant.find_object(names["object"])
        rows = [each for each in self._tenant.database.table(kind.name).rows.values() if not each["IsDeleted"]]
        recent = [show_row(call, kind, row, []) for row in rows[:_RECENT_ROWS]]
        return Reply(body={"objectDescribe": _summary(call, kind), "recentItems": recent})

    def _one(self, call: Call, names: Mapping[str, str]) -> Reply:
        kind = self._tenant.find_object(names["object"])
        body = _summary(call, kind)
        body["fields"] = [_field(each) for each in kind.fields.values()]
        body["childRelationships"] = [
            {
                "relationshipName": each.name,
                "childSObject": each.child_object,
                "field": each.child_field,
                "cascadeDelete": each.cascade,
                "deprecatedAndHidden": False,
            }
            for each in kind.children.values()
        ]
        body["recordTypeInfos"] = []
        return self._unless_unchanged(call, body)

    def _unless_unchanged(self, call: Call, body: dict[str, Any]) -> Reply:
        headers = {"Last-Modified": http_date(self._changed)}
        try:
            seen = parse_http_date(call.headers["if-modified-since"])
        except (KeyError, ValueError):
            return Reply(200, body, headers)
        return Reply(304, None, headers) if self._changed <= seen else Reply(200, body, headers)


def _summary(call: Call, kind: ObjectType) -> dict[str, Any]:
    address = f"{call.base_url}/sobjects/{kind.name}"
    return {
        "name": kind.name,
        "label": kind.label,
        "labelPlural": kind.label_plural,
        "keyPrefix": kind.key_prefix,
        "custom": kind.custom,
        "createable": kind.createable,
        "updateable": kind.updateable,
        "deletable": kind.deletable,
        "undeletable": kind.deletable,
        "queryable": True,
        "retrieveable": True,
        "replicateable": True,
        "searchable": False,
        "layoutable": True,
        "mergeable": kind.name == "Account",
        "triggerable": kind.createable,
        "deprecatedAndHidden": False,
        "urls": {
            "sobject": address,
            "describe": f"{address}/describe",
            "rowTemplate": f"{address}/{{ID}}",
        },
    }


def _field(field: Field) -> dict[str, Any]:
    text = field.type not in {"boolean", "int", "double", "currency", "percent", "date", "datetime"}
    values = [
        {"active": True, "defaultValue": each == field.default, "label": each, "validFor": None, "value": each}
        for each in field.picklist
    ]
    return {
        "name": field.name,
        "label": field.label,
        "type": field.type,
        "length": field.length,
        "byteLength": field.length * 3,
        "precision": field.precision if field.type != "int" else 0,
        "scale": field.scale,
        "digits": field.precision if field.type == "int" else 0,
        "nillable": field.nillable,
        "createable": field.createable,
        "updateable": field.updateable,
        "calculated": field.calculated,
        "autoNumber": field.auto_number,
        "externalId": field.external_id,
        "unique": field.unique,
        "idLookup": field.id_lookup,
        "caseSensitive": False,
        "custom": field.custom,
        "defaultedOnCreate": field.default is not None or not field.createable,
        "defaultValue": field.default if field.type == "boolean" else None,
        "filterable": field.filterable,
        "sortable": field.filterable,
        "groupable": text and not field.long_text,
        "aggregatable": field.type != "boolean",
        "cascadeDelete": field.cascade,
        "picklistValues": values,
        "restrictedPicklist": field.restricted,
        "referenceTo": [field.reference_to] if field.reference_to else [],
        "relationshipName": field.relationship,
        "polymorphicForeignKey": False,
        "nameField": field.name == "Name",
        "soapType": _SOAP_TYPES.get(field.type, "xsd:string"),
    }
