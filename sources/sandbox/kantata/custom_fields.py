"""Custom fields: definitions (read only here), choices, and the values of workspaces and stories.

Choices where the documentation is silent: a second value for the same subject and field is refused
(change it by PUT); a value's write moves the subject's `updated_at` and announces
`<subject>:custom_field_value_created|updated|deleted`; the list needs `subject_type`, without it 400.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sources.sandbox.kantata import rows
from sources.sandbox.kantata.attributes import Attributes
from sources.sandbox.kantata.errors import bad_request
from sources.sandbox.kantata.filters import any_id, any_word, stamps
from sources.sandbox.kantata.identifiers import read_id
from sources.sandbox.kantata.resource import Filter, Resource, Selection, Writes, references, text_id, to_many, to_one
from sources.sandbox.kantata.stamps import parse_day, stamp
from sources.sandbox.kantata.tenant import ACCOUNT_ID, ADMIN_ID, Tenant, columns

Value = str | tuple[int, ...]
SUBJECTS = {"workspace": "workspaces", "story": "stories"}


def read_value(tenant: Tenant, field: rows.CustomField, given: Any) -> Value:
    """The value as it is stored. Raises ValueError with the reason when the field does not take it."""
    if field.value_type == "single":
        return _choice(tenant, field, given)
    if not isinstance(given, str):
        raise ValueError(f"{field.name} must be a string")  # noqa: TRY004 - a bad request, not a bug
    if field.value_type == "date":
        try:
            parse_day(given)
        except ValueError as exc:
            raise ValueError(f"{field.name} is not a valid date") from exc
    return given


def _choice(tenant: Tenant, field: rows.CustomField, given: Any) -> tuple[int, ...]:
    choice = read_id(given[0]) if isinstance(given, list) and len(given) == 1 else None
    if choice is None:
        raise ValueError(f"{field.name} must be an array with one choice id")
    if choice not in tenant.custom_field_choices.where("custom_field_id", field.id):
        raise ValueError(f"{field.name} has no such choice")
    return (choice,)


def read_project_values(tenant: Tenant, attrs: Attributes) -> list[tuple[rows.CustomField, Value]]:
    """The `custom_fields` list of a workspace create; what is wrong is noted on `custom_fields`."""
    found: list[tuple[rows.CustomField, Value]] = []
    given = attrs.values.get("custom_fields") or []
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        attrs.refuse("custom_fields", "Custom fields must be a list of objects")
        return found
    for item in given:
        number = str(item.get("custom_field_id", ""))
        field = tenant.custom_fields.get(read_id(number))
        if field is None or field.subject_type != "workspace":
            attrs.refuse("custom_fields", f"Custom field {number} does not exist")
            continue
        try:
            found.append((field, read_value(tenant, field, item.get("value"))))
        except ValueError as exc:
            attrs.refuse("custom_fields", str(exc))
    return found


def add_value(tenant: Tenant, field: rows.CustomField, subject_id: int, value: Value) -> rows.CustomFieldValue:
    """Store a new value and tell the subject."""
    now = tenant.now()
    row = rows.CustomFieldValue(
        id=tenant.custom_field_values.next_id(),
        created_at=now,
        updated_at=now,
        subject_type=field.subject_type,
        subject_id=subject_id,
        custom_field_id=field.id,
        value=value,
        setter_id=ADMIN_ID,
    )
    tenant.custom_field_values.add(row)
    _tell_subject(tenant, row, "created")
    return row


def _tell_subject(tenant: Tenant, row: rows.CustomFieldValue, action: str) -> None:
    collection = SUBJECTS[row.subject_type]
    tenant.touch(tenant.table(collection), row.subject_id)
    subject = tenant.table(collection).get(row.subject_id)
    if subject is not None:
        tenant.announce(collection, f"custom_field_value_{action}", subject, current=columns(row))


def _display(tenant: Tenant, row: rows.CustomFieldValue) -> str:
    if isinstance(row.value, str):
        return row.value
    return ", ".join(tenant.custom_field_choices.rows[choice].label for choice in row.value)


def _render_value(tenant: Tenant, row: rows.CustomFieldValue) -> dict[str, Any]:
    field = tenant.custom_fields.rows[row.custom_field_id]
    return {
        "id": str(row.id),
        "subject_type": row.subject_type,
        "subject_id": row.subject_id,
        "custom_field_id": str(row.custom_field_id),
        "custom_field_name": field.name,
        "type": field.value_type,
        "value": row.value if isinstance(row.value, str) else list(row.value),
        "display_value": _display(tenant, row),
        "can_edit": True,
        "account_id": ACCOUNT_ID,
        "setter_id": text_id(row.setter_id),
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _render_field(tenant: Tenant, row: rows.CustomField) -> dict[str, Any]:
    count = len(tenant.custom_field_values.where("custom_field_id", row.id))
    return {
        "id": str(row.id),
        "name": row.name,
        "value_type": row.value_type,
        "subject_type": row.subject_type,
        "default_text": None,
        "unique_constraint": False,
        "write_access": None,
        "read_access": None,
        "hidden_in_user_interface": False,
        "values_count": count,
        "has_values": count > 0,
        "currency": None,
        "available_on_estimates": False,
        "available_to_resources": True,
        "creator_id": str(ADMIN_ID),
        "custom_field_set_id": str(row.custom_field_set_id),
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _render_choice(_tenant: Tenant, row: rows.CustomFieldChoice) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "label": row.label,
        "custom_field_id": str(row.custom_field_id),
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _render_set(_tenant: Tenant, row: rows.CustomFieldSet) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "subject_type": row.subject_type,
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _needed_subject_type(tenant: Tenant, text: str) -> Selection:
    if text not in SUBJECTS and text != "workspace_group":
        raise bad_request("subject_type is required and must name a type that has custom fields")
    return Selection(keep=tenant.custom_field_values.where("subject_type", text))


def _create(tenant: Tenant, attrs: Attributes) -> Callable[[], rows.CustomFieldValue]:
    attrs.require("subject_type", "subject_id", "custom_field_id", "value")
    subject_type = attrs.choice("subject_type", SUBJECTS)
    field = attrs.row("custom_field_id", tenant.custom_fields)
    attrs.settle()
    if field is None or field.subject_type != subject_type:
        attrs.refuse("custom_field_id", "Custom field does not belong to that type of subject")
        attrs.settle()
        raise AssertionError("settle raises once a problem is noted")
    subject = attrs.row("subject_id", tenant.table(SUBJECTS[field.subject_type]))
    value = _read(tenant, field, attrs)
    if subject is not None and _held(tenant, field, subject.id):
        attrs.refuse("custom_field_id", "Custom field has already been taken")
    attrs.settle()
    return lambda: add_value(tenant, field, subject.id if subject else 0, value)


def _held(tenant: Tenant, field: rows.CustomField, subject_id: int) -> bool:
    return any(row.custom_field_id == field.id for row in tenant.values_of(field.subject_type, subject_id))


def _read(tenant: Tenant, field: rows.CustomField, attrs: Attributes) -> Value:
    try:
        return read_value(tenant, field, attrs.values.get("value"))
    except ValueError as exc:
        attrs.refuse("value", str(exc))
        return ""


def _update(tenant: Tenant, row: rows.CustomFieldValue, attrs: Attributes) -> Callable[[], None]:
    attrs.require("value")
    attrs.settle()
    value = _read(tenant, tenant.custom_fields.rows[row.custom_field_id], attrs)
    attrs.settle()

    def deed() -> None:
        tenant.update(tenant.custom_field_values, row, value=value, setter_id=ADMIN_ID)
        _tell_subject(tenant, row, "updated")

    return deed


def _delete(tenant: Tenant, row: rows.CustomFieldValue) -> None:
    tenant.remove(tenant.custom_field_values, row)
    _tell_subject(tenant, row, "deleted")


CUSTOM_FIELD_VALUES = Resource(
    collection="custom_field_values",
    render=_render_value,
    associations={
        "custom_field": to_one("custom_field_id", "custom_fields"),
        "setter": to_one("setter_id", "users"),
    },
    filters={
        **stamps("custom_field_values"),
        "subject_type": Filter(_needed_subject_type, default=""),
        "with_subject_id": any_id("custom_field_values", "subject_id"),
        "subject_id": any_id("custom_field_values", "subject_id"),
        "custom_field_id": any_id("custom_field_values", "custom_field_id"),
    },
    writes=Writes(
        create_fields=frozenset({"subject_type", "subject_id", "custom_field_id", "value"}),
        update_fields=frozenset({"value"}),
        prepare_create=_create,
        prepare_update=_update,
        delete=_delete,
    ),
)
CUSTOM_FIELDS = Resource(
    collection="custom_fields",
    render=_render_field,
    associations={
        "choices": to_many(
            "choice_ids",
            "custom_field_choices",
            lambda tenant, row: sorted(tenant.custom_field_choices.where("custom_field_id", row.id)),
        ),
        "custom_field_set": to_one("custom_field_set_id", "custom_field_sets"),
        "external_references": references("custom_field"),
    },
    filters={
        **stamps("custom_fields"),
        "subject_type": any_word("custom_fields", "subject_type"),
        "custom_field_set_id": any_id("custom_fields", "custom_field_set_id"),
    },
)
CUSTOM_FIELD_CHOICES = Resource(
    collection="custom_field_choices",
    render=_render_choice,
    associations={"custom_field": to_one("custom_field_id", "custom_fields")},
    filters={
        **stamps("custom_field_choices"),
        "custom_field_id": any_id("custom_field_choices", "custom_field_id"),
        "for_custom_fields": any_id("custom_field_choices", "custom_field_id"),
    },
)
CUSTOM_FIELD_SETS = Resource(
    collection="custom_field_sets",
    render=_render_set,
    associations={
        "custom_fields": to_many(
            "custom_field_ids",
            "custom_fields",
            lambda tenant, row: sorted(tenant.custom_fields.where("custom_field_set_id", row.id)),
        ),
    },
    filters=stamps("custom_field_sets"),
)
