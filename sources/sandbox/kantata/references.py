"""External references: the collection, and the `external_reference` attribute that other writes carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sources.sandbox.kantata import rows
from sources.sandbox.kantata.attributes import Attributes
from sources.sandbox.kantata.filters import any_id, any_word, stamps
from sources.sandbox.kantata.resource import Association, Filter, Ref, Resource, Selection, Writes
from sources.sandbox.kantata.stamps import stamp
from sources.sandbox.kantata.tenant import Tenant

_KEY_FIELDS = ("service_name", "service_model", "service_model_ref")
_FREE_FIELDS = ("status", "external_link", "external_message", "external_status")
# Subject types as the wire writes them, with the collection that holds such records.
SUBJECTS = {
    "workspace": "workspaces",
    "workspace_group": "workspace_groups",
    "story": "stories",
    "billing_milestone": "billing_milestones",
    "user": "users",
    "role": "roles",
    "participation": "participations",
    "workspace_resource": "workspace_resources",
    "workspace_allocation": "workspace_allocations",
    "time_entry": "time_entries",
    "expense": "expenses",
    "timesheet_submission": "timesheet_submissions",
    "expense_report_submission": "expense_report_submissions",
    "custom_field": "custom_fields",
    "skill": "skills",
}


def read_reference(attrs: Attributes) -> dict[str, str] | None:
    """The `external_reference` of a write, None when it has none; an incomplete one is noted as a problem."""
    given = attrs.values.get("external_reference")
    if given is None:
        return None
    if not isinstance(given, Mapping):
        attrs.refuse("external_reference", "External reference must be an object")
        return None
    for name in _KEY_FIELDS:
        if not isinstance(given.get(name), str) or not given[name]:
            attrs.refuse("external_reference", f"External reference {name} can't be blank")
    for name in given:
        if name not in _KEY_FIELDS + _FREE_FIELDS:
            attrs.refuse("external_reference", f"{name} is not an attribute of an external reference")
    return {str(name): str(value) for name, value in given.items()}


def attach(tenant: Tenant, subject_type: str, subject_id: int, reference: Mapping[str, str] | None) -> None:
    """Give a record its reference; one of the same service is overwritten, for there can be only one."""
    if reference is None:
        return
    held = _of_service(tenant, subject_type, subject_id, reference["service_name"])
    if held is not None:
        tenant.external_references.change(held, updated_at=tenant.now(), **reference)
        return
    now = tenant.now()
    values: dict[str, Any] = {"subject_type": subject_type, "subject_id": subject_id, **reference}
    tenant.external_references.add(
        rows.ExternalReference(id=tenant.external_references.next_id(), created_at=now, updated_at=now, **values)
    )


def _of_service(tenant: Tenant, subject_type: str, subject_id: int, service: str) -> rows.ExternalReference | None:
    held = tenant.references_of(subject_type, subject_id)
    return next((row for row in held if row.service_name == service), None)


def _render(_tenant: Tenant, row: rows.ExternalReference) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "subject_type": row.subject_type,
        "subject_id": row.subject_id,
        "service_name": row.service_name,
        "service_model": row.service_model,
        "service_model_ref": row.service_model_ref,
        "status": row.status,
        "external_link": row.external_link,
        "external_message": row.external_message,
        "external_status": row.external_status,
        "locked": row.locked,
        "last_synced_at": None,
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _subject(_tenant: Tenant, row: rows.ExternalReference) -> list[Ref]:
    return [(SUBJECTS[row.subject_type], row.subject_id)]


def _service_model(tenant: Tenant, text: str) -> Selection:
    return Selection(keep={row.id for row in tenant.external_references if row.service_model == text})


def _create(tenant: Tenant, attrs: Attributes) -> Callable[[], rows.ExternalReference]:
    attrs.require(*_KEY_FIELDS, "subject_type", "subject_id")
    subject_type = attrs.choice("subject_type", SUBJECTS)
    subject_id = attrs.integer("subject_id")
    values = {name: attrs.text(name) for name in _KEY_FIELDS + _FREE_FIELDS}
    attrs.settle()
    if subject_type is None or subject_id is None or tenant.table(SUBJECTS[subject_type]).get(subject_id) is None:
        attrs.refuse("subject_id", "Subject does not exist")
    elif _of_service(tenant, subject_type, subject_id, values["service_name"] or ""):
        attrs.refuse("service_name", "Service name has already been taken")
    attrs.settle()
    now = tenant.now()

    def deed() -> rows.ExternalReference:
        columns: dict[str, Any] = {
            **values,
            "subject_type": subject_type,
            "subject_id": subject_id,
            "locked": attrs.flag("locked") or False,
        }
        table = tenant.external_references
        return tenant.insert(
            table, rows.ExternalReference(id=table.next_id(), created_at=now, updated_at=now, **columns)
        )

    return deed


def _update(tenant: Tenant, row: rows.ExternalReference, attrs: Attributes) -> Callable[[], None]:
    values: dict[str, Any] = {name: attrs.text(name) for name in _KEY_FIELDS + _FREE_FIELDS if name in attrs}
    for name in _KEY_FIELDS:
        if name in attrs:
            attrs.require(name)
    taken = _of_service(tenant, row.subject_type, row.subject_id, values.get("service_name") or row.service_name)
    if taken is not None and taken.id != row.id:
        attrs.refuse("service_name", "Service name has already been taken")
    if "locked" in attrs:
        values["locked"] = attrs.flag("locked") or False
    attrs.settle()
    return lambda: tenant.update(tenant.external_references, row, **values)


EXTERNAL_REFERENCES = Resource(
    collection="external_references",
    render=_render,
    associations={"subject": Association("subject_ref", (), _subject)},
    filters={
        **stamps("external_references"),
        "subject_type": any_word("external_references", "subject_type"),
        "subject_id": any_id("external_references", "subject_id"),
        "subject_ids": any_id("external_references", "subject_id"),
        "service_name": any_word("external_references", "service_name"),
        "service_model": Filter(_service_model),
        "service_model_ref": any_word("external_references", "service_model_ref"),
        "service_model_refs": any_word("external_references", "service_model_ref"),
    },
    writes=Writes(
        create_fields=frozenset({*_KEY_FIELDS, *_FREE_FIELDS, "subject_type", "subject_id", "locked"}),
        update_fields=frozenset({*_KEY_FIELDS, *_FREE_FIELDS, "locked"}),
        prepare_create=_create,
        prepare_update=_update,
        delete=lambda tenant, row: tenant.remove(tenant.external_references, row),
    ),
)
