"""What the account holds before any project: roles, people, customers, skills and the tenant's custom fields."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from sources.sandbox.firm.model import Customer, Firm, Person, Subcontractor
from sources.sandbox.firm.vendor_ids import KANTATA_BASE, netsuite_id, salesforce_id
from sources.sandbox.kantata import rows
from sources.sandbox.kantata.stamps import whole_second
from sources.sandbox.kantata.tenant import ACCOUNT_ID, ADMIN_ID, GUEST_ACCOUNT_ID, Tenant

# Numbers within KANTATA_BASE["custom_field"]; name, value type and subject as the firm's tenant profile says.
PROJECT_CODE, PRACTICE, CONTRACT, CONTRACT_LINE, ACCEPTED_ON, ACCEPTED_BY = range(1, 7)
_CUSTOM_FIELDS = {
    PROJECT_CODE: ("Project code", "string", "workspace"),
    PRACTICE: ("Practice", "single", "workspace"),
    CONTRACT: ("Contract", "string", "workspace"),
    CONTRACT_LINE: ("Contract line", "string", "story"),
    ACCEPTED_ON: ("Accepted on", "date", "story"),
    ACCEPTED_BY: ("Accepted by", "string", "story"),
}
_FIELD_SETS = {"workspace": 410, "story": 411}
_SKILL_BASE = 64000
_SKILL_MEMBERSHIP_BASE = 880000
_MEMBERSHIP_BASE = 14500000
# A group that is no customer, so that a reader who forgets `company` notices.
_PROGRAMME = (2199001, "Strategic programmes")


def ident(kind: str, n: int) -> int:
    """The number behind the decimal id of the n-th row of a kind."""
    return KANTATA_BASE[kind] + n


def morning(day: date) -> datetime:
    """An instant on that day, for stamps of records whose creation the firm does not tell."""
    return datetime.combine(day, time(9, 0), tzinfo=UTC)


def user_id(person: int | None, subcontractor: int | None) -> int | None:
    """The user of a person or of a subcontractor; None where there is neither."""
    if person is not None:
        return ident("user", person)
    return None if subcontractor is None else ident("subcontractor_user", subcontractor)


def seed_accounts(tenant: Tenant, firm: Firm) -> None:
    """Fill roles, users, customers, skills and custom field definitions."""
    opened = morning(firm.today - timedelta(days=5 * 365))
    _seed_roles(tenant, firm, opened)
    _seed_admin(tenant, opened)
    for person in firm.people:
        _seed_person(tenant, person, firm.today)
    for subcontractor in firm.subcontractors:
        _seed_subcontractor(tenant, subcontractor)
    _seed_skills(tenant, firm, opened)
    for customer in firm.customers:
        _seed_customer(tenant, customer)
    programme_id, programme = _PROGRAMME
    tenant.workspace_groups.add(
        rows.WorkspaceGroup(id=programme_id, created_at=opened, updated_at=opened, name=programme)
    )
    _seed_custom_fields(tenant, firm, opened)


def link(tenant: Tenant, subject: tuple[str, int], service: tuple[str, str, str], at: datetime) -> None:
    """Attach an external reference: subject (type, id), service (name, model, ref)."""
    tenant.external_references.add(
        rows.ExternalReference(
            id=max(tenant.external_references.next_id(), ident("external_reference", 1)),
            created_at=at,
            updated_at=at,
            subject_type=subject[0],
            subject_id=subject[1],
            service_name=service[0],
            service_model=service[1],
            service_model_ref=service[2],
        )
    )


def set_value(tenant: Tenant, field_number: int, subject_id: int, value: str | tuple[int, ...], at: datetime) -> None:
    """Give a record its value of a custom field of the profile."""
    tenant.custom_field_values.add(
        rows.CustomFieldValue(
            id=max(tenant.custom_field_values.next_id(), ident("custom_field_value", 1)),
            created_at=at,
            updated_at=at,
            subject_type=_CUSTOM_FIELDS[field_number][2],
            subject_id=subject_id,
            custom_field_id=ident("custom_field", field_number),
            value=value,
            setter_id=ADMIN_ID,
        )
    )


def role_ids(tenant: Tenant) -> dict[str, int]:
    """Role ids by name."""
    return {role.name: role.id for role in tenant.roles}


def _seed_roles(tenant: Tenant, firm: Firm, opened: datetime) -> None:
    names = [p.role for p in firm.people] + [s.role for s in firm.subcontractors] + [b.role for b in firm.bookings]
    for n, name in enumerate(dict.fromkeys(name for name in names if name), start=1):
        tenant.roles.add(rows.Role(id=ident("role", n), created_at=opened, updated_at=opened, name=name))


def _seed_admin(tenant: Tenant, opened: datetime) -> None:
    tenant.users.add(
        rows.User(
            id=ADMIN_ID,
            created_at=opened,
            updated_at=opened,
            full_name="Integration Administrator",
            email_address="integration@psa.example",
            headline=None,
            role_id=None,
            account_id=ACCOUNT_ID,
            account_permission="administrator",
            account_membership_id=_MEMBERSHIP_BASE,
        )
    )


def _seed_person(tenant: Tenant, person: Person, today: date) -> None:
    changed = whole_second(person.modified)
    row = tenant.users.add(
        rows.User(
            id=ident("user", person.n),
            created_at=min(morning(person.hired), changed),
            updated_at=changed,
            full_name=person.name,
            email_address=person.email,
            headline=person.title,
            role_id=role_ids(tenant).get(person.role),
            account_id=ACCOUNT_ID,
            disabled=person.terminated is not None and person.terminated <= today,
            account_membership_id=_MEMBERSHIP_BASE + person.n,
            manager_id=None if person.manager is None else ident("user", person.manager),
            city=person.location,
            country=person.country,
            classification="contractor" if person.contingent else "employee",
        )
    )
    link(tenant, ("user", row.id), ("workday", "Employee", person.employee_number), row.created_at)


def _seed_subcontractor(tenant: Tenant, subcontractor: Subcontractor) -> None:
    changed = whole_second(subcontractor.modified)
    row = tenant.users.add(
        rows.User(
            id=ident("subcontractor_user", subcontractor.n),
            created_at=changed,
            updated_at=changed,
            full_name=subcontractor.name,
            email_address=subcontractor.email,
            headline="Subcontractor",
            role_id=role_ids(tenant).get(subcontractor.role),
            account_id=GUEST_ACCOUNT_ID,
            classification="subcontractor",
        )
    )
    vendor = netsuite_id("vendor", subcontractor.n)
    link(tenant, ("user", row.id), ("netsuite", "Vendor", vendor), row.created_at)


def _seed_skills(tenant: Tenant, firm: Firm, opened: datetime) -> None:
    names = dict.fromkeys(skill for person in firm.people for skill in person.skills)
    for n, name in enumerate(names, start=1):
        tenant.skills.add(rows.Skill(id=_SKILL_BASE + n, created_at=opened, updated_at=opened, name=name))
    ids = {skill.name: skill.id for skill in tenant.skills}
    held = ((person, skill) for person in firm.people for skill in person.skills)
    for n, (person, name) in enumerate(held, start=1):
        tenant.skill_memberships.add(
            rows.SkillMembership(
                id=_SKILL_MEMBERSHIP_BASE + n,
                created_at=opened,
                updated_at=opened,
                skill_id=ids[name],
                user_id=ident("user", person.n),
                # The firm tells no levels; the spread only has to be stable.
                level=1 + (person.n + len(name)) % 5,
            )
        )


def _seed_customer(tenant: Tenant, customer: Customer) -> None:
    changed = whole_second(customer.modified)
    group_id = ident("workspace_group", customer.n)
    tenant.workspace_groups.add(
        rows.WorkspaceGroup(id=group_id, created_at=changed, updated_at=changed, name=customer.psa_name, company=True)
    )
    subject = ("workspace_group", group_id)
    link(tenant, subject, ("salesforce", "Account", salesforce_id("Account", customer.n)), changed)
    if customer.canonical is not None:
        link(tenant, subject, ("plumbline", "customer", customer.canonical), changed)


def _seed_custom_fields(tenant: Tenant, firm: Firm, opened: datetime) -> None:
    for subject_type, set_id in _FIELD_SETS.items():
        tenant.custom_field_sets.add(
            rows.CustomFieldSet(
                id=set_id,
                created_at=opened,
                updated_at=opened,
                name=f"{subject_type} fields",
                subject_type=subject_type,
            )
        )
    for number, (name, value_type, subject_type) in _CUSTOM_FIELDS.items():
        tenant.custom_fields.add(
            rows.CustomField(
                id=ident("custom_field", number),
                created_at=opened,
                updated_at=opened,
                name=name,
                value_type=value_type,
                subject_type=subject_type,
                custom_field_set_id=_FIELD_SETS[subject_type],
            )
        )
    for practice in firm.practices:
        tenant.custom_field_choices.add(
            rows.CustomFieldChoice(
                id=ident("custom_field_choice", practice.n),
                created_at=opened,
                updated_at=opened,
                custom_field_id=ident("custom_field", PRACTICE),
                label=practice.code,
            )
        )
