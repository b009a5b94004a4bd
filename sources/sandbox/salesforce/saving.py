"""Creating, changing and deleting rows under the tenant's rules.

Every refusal is an ApiError that serves as the request's error and as a row's error alike. A write
moves SystemModstamp and LastModifiedDate of every row that it touches, parents rolled up included.
"""

from __future__ import annotations

from typing import Any

from sources.sandbox.salesforce.automation import prepare_create, prepare_update, roll_up
from sources.sandbox.salesforce.database import Database, Row
from sources.sandbox.salesforce.errors import (
    ApiError,
    entity_is_deleted,
    no_such_column_on_write,
    not_found,
    refuse_row,
)
from sources.sandbox.salesforce.fields import Field, ObjectType
from sources.sandbox.salesforce.ids import find_id18
from sources.sandbox.salesforce.values import stored_value


def find_row(database: Database, kind: ObjectType, given_id: str) -> Row:
    """The live row with this id in either form; 404 when it is missing or deleted."""
    id18 = find_id18(given_id)
    row = database.table(kind.name).rows.get(id18) if id18 is not None else None
    if row is None:
        raise not_found()
    if row["IsDeleted"]:
        raise entity_is_deleted()
    return row


class Saver:
    """Writes of one user at one moment (`now` in the API's text form)."""

    def __init__(self, database: Database, *, user_id: str, now: str) -> None:
        self._database = database
        self._user_id = user_id
        self._now = now

    def create(self, kind: ObjectType, body: dict[str, Any]) -> str:
        """Insert a row and return its id."""
        if not kind.createable:
            message = f"entity type cannot be inserted: {kind.label}"
            raise refuse_row("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message)
        given = self._accepted(kind, body, creating=True)
        missing = [each.name for each in kind.fields.values() if each.required and given.get(each.name) is None]
        if missing:
            message = f"Required fields are missing: [{', '.join(missing)}]"
            raise refuse_row("REQUIRED_FIELD_MISSING", message, *missing)
        with self._database.savepoint():
            return self._insert(kind, given)

    def update(self, kind: ObjectType, row_id: str, body: dict[str, Any]) -> None:
        """Change the sent fields of a live row."""
        if not kind.updateable:
            raise refuse_row("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be updated: {kind.label}")
        before = find_row(self._database, kind, row_id)
        given = self._accepted(kind, body, creating=False)
        row = {**before, **given, **self._touched()}
        self._check_unique(kind, given, row["Id"])
        with self._database.savepoint():
            prepare_update(self._database, kind.name, before, row, set(given))
            self._store(kind, before, row)

    def delete(self, kind: ObjectType, row_id: str) -> None:
        """Move a live row and its details to the recycle bin."""
        if not kind.deletable:
            message = f"entity type cannot be deleted: {kind.label}"
            raise refuse_row("INSUFFICIENT_ACCESS_OR_READONLY", message)
        row = find_row(self._database, kind, row_id)
        with self._database.savepoint():
            self._delete_with_details(kind, row)

    def _insert(self, kind: ObjectType, given: dict[str, Any]) -> str:
        self._check_unique(kind, given, None)
        row: Row = {each.name: None if each.default == "" else each.default for each in kind.fields.values()}
        row.update(given)
        row.update(Id=self._database.table(kind.name).next_id(), IsDeleted=False)
        row.update(CreatedDate=self._now, CreatedById=self._user_id, **self._touched())
        prepare_create(self._database, kind.name, row, self._user_id)
        self._store(kind, None, row)
        return str(row["Id"])

    def _touched(self) -> dict[str, str]:
        return {
            "LastModifiedDate": self._now,
            "SystemModstamp": self._now,
            "LastModifiedById": self._user_id,
        }

    def _store(self, kind: ObjectType, before: Row | None, row: Row) -> None:
        self._database.put(kind.name, row)
        self._roll_up(kind, before, row)

    def _roll_up(self, kind: ObjectType, before: Row | None, row: Row) -> None:
        parent = roll_up(self._database, kind.name, before, row)
        if parent is not None and not parent["IsDeleted"]:
            self._database.put("Opportunity", {**parent, **self._touched()})

    def _delete_with_details(self, kind: ObjectType, row: Row) -> None:
        deleted = {**row, "IsDeleted": True, **self._touched()}
        self._database.put(kind.name, deleted)
        for each in kind.children.values():
            child_kind = self._database.catalogue[each.child_object.lower()]
            table = self._database.table(child_kind.name)
            for child in table.find_live(child_kind.fields[each.child_field.lower()], row["Id"]):
                if each.cascade:
                    self._delete_with_details(child_kind, child)
                else:
                    self._database.put(child_kind.name, {**child, each.child_field: None, **self._touched()})
        self._roll_up(kind, row, deleted)

    def _accepted(self, kind: ObjectType, body: dict[str, Any], *, creating: bool) -> dict[str, Any]:
        """The sent values by API name, each checked; `attributes` is passed over."""
        accepted: dict[str, Any] = {}
        for name, value in body.items():
            if name == "attributes":
                continue
            field = kind.find_field(name)
            if field is None:
                field, value = self._by_external_id(kind, name, value)  # noqa: PLW2901 - the pair is replaced as one
            _check_writable(field, creating=creating)
            accepted[field.name] = self._checked(field, value)
        return accepted

    def _checked(self, field: Field, value: Any) -> Any:
        stored = stored_value(field, value)
        if field.reference_to is None or stored is None:
            return stored
        target = self._database.kind_of(stored)
        if target is None or target.name != field.reference_to:
            raise refuse_row("MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", field.name)
        row = self._database.table(target.name).rows.get(stored)
        if row is None:
            raise refuse_row("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", field.name)
        if row["IsDeleted"]:
            raise refuse_row("ENTITY_IS_DELETED", "entity is deleted", field.name)
        return stored

    def _by_external_id(self, kind: ObjectType, name: str, value: Any) -> tuple[Field, Any]:
        """Resolve a parent given as `{"Account": {"Canonical_Id__c": "x"}}` to its lookup field and id."""
        field = kind.parents.get(name.lower())
        if field is None or field.reference_to is None or not isinstance(value, dict):
            raise no_such_column_on_write(name, kind.name)
        keys = {key: each for key, each in value.items() if key != "attributes"}
        target = self._database.catalogue[field.reference_to.lower()]
        key_field = target.find_field(next(iter(keys))) if len(keys) == 1 else None
        if key_field is None or not key_field.external_id:
            message = f"Foreign key external ID for {name} must name exactly one external id field"
            raise refuse_row("INVALID_FIELD", message, name)
        found = self._database.table(target.name).find_live(key_field, next(iter(keys.values())))
        if not found:
            message = (
                f"Foreign key external ID: {next(iter(keys.values()))} not found for field "
                f"{key_field.name} in entity {target.name}"
            )
            raise refuse_row("INVALID_FIELD", message)
        return field, found[0]["Id"]

    def _check_unique(self, kind: ObjectType, given: dict[str, Any], own_id: str | None) -> None:
        table = self._database.table(kind.name)
        for field in kind.unique_fields():
            value = given.get(field.name)
            others = table.find_live(field, value) if value is not None else []
            for other in others:
                if other["Id"] != own_id:
                    message = (
                        f"duplicate value found: {field.name} duplicates value on record with id: {other['Id'][:15]}"
                    )
                    raise refuse_row("DUPLICATE_VALUE", message, field.name)


def _check_writable(field: Field, *, creating: bool) -> None:
    if field.name == "Id":
        if creating:
            raise ApiError(400, "INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ("Id",))
        message = "The Id field should not be specified in the sobject data."
        raise ApiError(400, "INVALID_FIELD", message, ("Id",))
    if not (field.createable if creating else field.updateable):
        verb = "create" if creating else "update"
        message = (
            f"Unable to {verb} fields: {field.name}. Please check the security settings of this field and "
            "verify that it is read/write for your profile or permission set."
        )
        raise ApiError(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message, (field.name,))
