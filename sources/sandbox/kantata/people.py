"""Users, roles, skills and skill memberships.

Users cannot be created through this API (people are invited); name, headline and e-mail can be changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sources.sandbox.kantata import rows
from sources.sandbox.kantata.attributes import Attributes
from sources.sandbox.kantata.filters import any_id, any_word, by_reference, stamps, yes_no
from sources.sandbox.kantata.identifiers import read_id
from sources.sandbox.kantata.references import attach, read_reference
from sources.sandbox.kantata.resource import (
    Filter,
    Resource,
    Selection,
    Writes,
    custom_values,
    references,
    text_id,
    to_many,
    to_one,
)
from sources.sandbox.kantata.stamps import stamp
from sources.sandbox.kantata.tenant import ACCOUNT_ID, Tenant


def _render_user(_tenant: Tenant, row: rows.User) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "full_name": row.full_name,
        "photo_path": f"/photos/{row.id}",
        "email_address": row.email_address,
        "headline": row.headline,
        "disabled": row.disabled,
        "account_id": row.account_id,
        "account_permission": row.account_permission if row.account_id == ACCOUNT_ID else None,
        "account_membership_id": text_id(row.account_membership_id),
        "role_id": text_id(row.role_id),
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _participant_in(tenant: Tenant, text: str) -> Selection:
    seats = tenant.participations.rows_where("workspace_id", read_id(text))
    return Selection(keep={seat.user_id for seat in seats})


def _update_user(tenant: Tenant, row: rows.User, attrs: Attributes) -> Callable[[], None]:
    values: dict[str, Any] = {
        name: attrs.text(name, longest=255) for name in ("full_name", "headline", "email_address")
    }
    for name in ("full_name", "email_address"):
        if name in attrs:
            attrs.require(name)
    reference = read_reference(attrs)
    attrs.settle()

    def deed() -> None:
        tenant.update(tenant.users, row, **{name: value for name, value in values.items() if name in attrs})
        attach(tenant, "user", row.id, reference)

    return deed


USERS = Resource(
    collection="users",
    render=_render_user,
    associations={
        "role": to_one("role_id", "roles"),
        "manager": to_one("manager_id", "users"),
        "external_references": references("user"),
        "skill_memberships": to_many(
            "skill_membership_ids",
            "skill_memberships",
            lambda tenant, row: sorted(tenant.skill_memberships.where("user_id", row.id)),
        ),
        "custom_field_values": custom_values("user"),
    },
    filters={
        **stamps("users"),
        **by_reference("user"),
        "on_my_account": yes_no(lambda tenant: tenant.users.where("account_id", ACCOUNT_ID)),
        "participant_in": Filter(_participant_in),
        "by_email_address": any_word("users", "email_address"),
        "role_ids": any_id("users", "role_id"),
    },
    orders={"updated_at": "updated_at", "created_at": "created_at", "full_name": "full_name", "id": "id"},
    default_order=("full_name", False),
    optional={
        "city": lambda _tenant, row: row.city,
        "state": lambda _tenant, _row: None,
        "country": lambda _tenant, row: row.country,
        "classification": lambda _tenant, row: row.classification,
    },
    search=lambda row: f"{row.full_name} {row.email_address}",
    writes=Writes(
        update_fields=frozenset({"full_name", "headline", "email_address", "external_reference"}),
        prepare_update=_update_user,
    ),
)


def _render_role(_tenant: Tenant, row: rows.Role) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _read_role(tenant: Tenant, attrs: Attributes, row: rows.Role | None) -> tuple[str, dict[str, str] | None]:
    if row is None or "name" in attrs:
        attrs.require("name")
    name = attrs.text("name", longest=255) or ("" if row is None else row.name)
    if any(other.name == name and other is not row for other in tenant.roles):
        attrs.refuse("name", "Name has already been taken")
    reference = read_reference(attrs)
    attrs.settle()
    return name, reference


def _create_role(tenant: Tenant, attrs: Attributes) -> Callable[[], rows.Role]:
    name, reference = _read_role(tenant, attrs, None)

    def deed() -> rows.Role:
        now = tenant.now()
        new = rows.Role(id=tenant.roles.next_id(), created_at=now, updated_at=now, name=name)
        attach(tenant, "role", tenant.insert(tenant.roles, new).id, reference)
        return new

    return deed


def _update_role(tenant: Tenant, row: rows.Role, attrs: Attributes) -> Callable[[], None]:
    name, reference = _read_role(tenant, attrs, row)

    def deed() -> None:
        tenant.update(tenant.roles, row, name=name)
        attach(tenant, "role", row.id, reference)

    return deed


ROLES = Resource(
    collection="roles",
    render=_render_role,
    associations={"external_references": references("role")},
    filters={**stamps("roles"), **by_reference("role")},
    orders={"name": "name", "updated_at": "updated_at", "created_at": "created_at"},
    default_order=("name", False),
    search=lambda row: str(row.name),
    writes=Writes(
        create_fields=frozenset({"name", "external_reference"}),
        update_fields=frozenset({"name", "external_reference"}),
        prepare_create=_create_role,
        prepare_update=_update_role,
    ),
)


def _render_skill(_tenant: Tenant, row: rows.Skill) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "max_level": row.max_level,
        "description": None,
        "skill_category_id": None,
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _render_skill_membership(tenant: Tenant, row: rows.SkillMembership) -> dict[str, Any]:
    skill = tenant.skills.rows[row.skill_id]
    return {
        "id": str(row.id),
        "level": row.level,
        "max_level": skill.max_level,
        "cached_skill_name": skill.name,
        "skill_id": str(row.skill_id),
        "user_id": str(row.user_id),
        "creator_id": None,
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


SKILLS = Resource(
    collection="skills",
    render=_render_skill,
    associations={"external_references": references("skill")},
    filters=stamps("skills"),
    orders={"name": "name", "updated_at": "updated_at", "created_at": "created_at"},
    default_order=("name", False),
    search=lambda row: str(row.name),
)
SKILL_MEMBERSHIPS = Resource(
    collection="skill_memberships",
    render=_render_skill_membership,
    associations={"skill": to_one("skill_id", "skills"), "user": to_one("user_id", "users")},
    filters={
        **stamps("skill_memberships"),
        "user_ids": any_id("skill_memberships", "user_id"),
        "skill_ids": any_id("skill_memberships", "skill_id"),
    },
    default_order=("updated_at", False),
)
