"""The firm's projects as workspaces with their stories, billing milestones, invoices and team."""

from __future__ import annotations

from datetime import datetime

from sources.sandbox.firm.model import Booking, ContractLine, Firm, Invoice, Milestone, Project, Task
from sources.sandbox.firm.vendor_ids import salesforce_id
from sources.sandbox.kantata import rows, seed_accounts
from sources.sandbox.kantata.money import subunits
from sources.sandbox.kantata.seed_accounts import ident, link, morning, set_value, user_id
from sources.sandbox.kantata.stamps import whole_second
from sources.sandbox.kantata.state_changes import note_state
from sources.sandbox.kantata.tenant import ADMIN_ID, Tenant

INVOICE_BASE = 2600000


def seed_projects(tenant: Tenant, firm: Firm) -> None:
    """Fill workspaces and all that belongs to them, time and expenses excepted."""
    lines = {line.n: line for line in firm.contract_lines}
    choices = {choice.label: choice.id for choice in tenant.custom_field_choices}
    projects = {project.n: project for project in firm.projects if project.in_psa}
    for project in projects.values():
        _seed_workspace(tenant, project, lines)
        _seed_project_values(tenant, project, choices)
    for task in firm.tasks:
        if task.project in projects:
            _seed_task(tenant, task)
    for invoice in firm.invoices:
        _seed_invoice(tenant, invoice, projects)
    for milestone in firm.milestones:
        if milestone.project in projects:
            _seed_milestone(tenant, milestone, projects[milestone.project])
    _seed_participations(tenant, firm, projects)
    _seed_bookings(tenant, [booking for booking in firm.bookings if booking.project in projects])


def _seed_workspace(tenant: Tenant, project: Project, lines: dict[int, ContractLine]) -> None:
    changed = whole_second(project.modified)
    prices = [lines[n].price for n in project.lines if n in lines]
    priced = prices and all(price.currency == project.currency for price in prices)
    group = None if project.customer is None else ident("workspace_group", project.customer)
    manager = user_id(project.manager, None)
    row = tenant.workspaces.add(
        rows.Workspace(
            id=ident("workspace", project.n),
            created_at=min(morning(project.start), changed),
            updated_at=changed,
            title=project.name,
            archived=project.archived,
            status_key=project.psa_status,
            start_date=project.start,
            due_date=project.end,
            percentage_complete=project.percent_complete,
            currency=project.currency,
            price_in_cents=sum(map(subunits, prices)) if priced else None,
            creator_id=ADMIN_ID,
            primary_maven_id=manager,
            primary_workspace_group_id=group,
            workspace_group_ids=() if group is None else (group,),
            approver_ids=() if manager is None else (manager,),
        )
    )
    if project.canonical is not None:
        link(tenant, ("workspace", row.id), ("plumbline", "project", project.canonical), changed)


def _seed_project_values(tenant: Tenant, project: Project, choices: dict[str, int]) -> None:
    workspace_id, at = ident("workspace", project.n), whole_second(project.modified)
    set_value(tenant, seed_accounts.PROJECT_CODE, workspace_id, project.code, at)
    if project.practice in choices:
        set_value(tenant, seed_accounts.PRACTICE, workspace_id, (choices[project.practice],), at)
    if project.contract is not None:
        set_value(tenant, seed_accounts.CONTRACT, workspace_id, salesforce_id("Contract", project.contract), at)


def _seed_task(tenant: Tenant, task: Task) -> None:
    changed = whole_second(task.modified)
    workspace_id = ident("workspace", task.project)
    row = tenant.stories.add(
        rows.Story(
            id=ident("story", task.n),
            created_at=min(morning(task.start), changed),
            updated_at=changed,
            workspace_id=workspace_id,
            title=task.name,
            state="completed" if task.done else "not started",
            start_date=task.start,
            due_date=task.end,
            percentage_complete=100 if task.done else 0,
            time_estimate_in_minutes=task.planned_minutes,
            billable=task.billable,
            position=len(tenant.stories.where("workspace_id", workspace_id)) + 1,
            creator_id=ADMIN_ID,
        )
    )
    if task.done:
        note_state(tenant, row, changed)
    if task.canonical is not None:
        link(tenant, ("story", row.id), ("plumbline", "task", task.canonical), changed)
    if task.line is not None:
        contract_line = salesforce_id("Contract_Line__c", task.line)
        set_value(tenant, seed_accounts.CONTRACT_LINE, row.id, contract_line, changed)


def _seed_invoice(tenant: Tenant, invoice: Invoice, projects: dict[int, Project]) -> None:
    """The PSA knows an invoice as a claim against projects; credit memos and voided ones live in the ERP only."""
    covered = tuple(dict.fromkeys(line.project for line in invoice.lines if line.project in projects))
    if invoice.credit or invoice.voided or not covered:
        return
    changed = whole_second(invoice.modified)
    open_amount = subunits(invoice.total) - subunits(invoice.paid)
    tenant.invoices.add(
        rows.Invoice(
            id=INVOICE_BASE + invoice.n,
            created_at=min(morning(invoice.issued), changed),
            updated_at=changed,
            title=f"Invoice {invoice.number}",
            number=invoice.n,
            invoice_date=invoice.issued,
            due_date=invoice.due,
            status="new" if open_amount > 0 else "accepted payment",
            currency=invoice.total.currency,
            balance_in_cents=open_amount,
            workspace_ids=tuple(ident("workspace", n) for n in covered),
        )
    )


def invoice_id(tenant: Tenant, n: int | None) -> int | None:
    """The PSA's invoice for the firm's n-th, None where the PSA has none."""
    found = None if n is None else tenant.invoices.get(INVOICE_BASE + n)
    return None if found is None else found.id


def _seed_milestone(tenant: Tenant, milestone: Milestone, project: Project) -> None:
    changed = whole_second(milestone.modified)
    completed = milestone.completed_at is not None
    workspace_id = ident("workspace", milestone.project)
    story = tenant.stories.add(
        rows.Story(
            id=ident("milestone_story", milestone.n),
            created_at=min(morning(milestone.due), changed),
            updated_at=changed,
            workspace_id=workspace_id,
            title=milestone.name,
            story_type="milestone",
            state="completed" if completed else "not started",
            due_date=milestone.due,
            percentage_complete=100 if completed else 0,
            time_trackable=False,
            position=len(tenant.stories.where("workspace_id", workspace_id)) + 1,
            creator_id=ADMIN_ID,
        )
    )
    tenant.billing_milestones.add(
        rows.BillingMilestone(
            id=ident("billing_milestone", milestone.n),
            created_at=story.created_at,
            updated_at=changed,
            workspace_id=workspace_id,
            title=milestone.name,
            date_to_invoice=milestone.due,
            amount_in_cents=subunits(milestone.amount),
            story_id=story.id,
            invoice_id=invoice_id(tenant, milestone.invoice),
        )
    )
    if milestone.completed_at is not None:
        lead = user_id(project.manager, None) or ADMIN_ID
        note_state(tenant, story, whole_second(milestone.completed_at), by=lead)
    _seed_milestone_values(tenant, milestone, story.id, changed)


def _seed_milestone_values(tenant: Tenant, milestone: Milestone, story_id: int, at: datetime) -> None:
    if milestone.canonical is not None:
        link(tenant, ("story", story_id), ("plumbline", "milestone", milestone.canonical), at)
    set_value(tenant, seed_accounts.CONTRACT_LINE, story_id, salesforce_id("Contract_Line__c", milestone.line), at)
    if milestone.accepted_on is not None:
        set_value(tenant, seed_accounts.ACCEPTED_ON, story_id, milestone.accepted_on.isoformat(), at)
    if milestone.accepted_by is not None:
        set_value(tenant, seed_accounts.ACCEPTED_BY, story_id, milestone.accepted_by, at)


def _seed_participations(tenant: Tenant, firm: Firm, projects: dict[int, Project]) -> None:
    """Managers first, then everyone who is booked, logged time or claimed an expense."""
    seats: dict[tuple[int, int], bool] = {}
    for project in projects.values():
        manager = user_id(project.manager, None)
        if manager is not None:
            seats[project.n, manager] = True
    members = [(b.project, user_id(b.person, b.subcontractor)) for b in firm.bookings]
    members += dict.fromkeys((t.project, user_id(t.person, t.subcontractor)) for t in firm.time_entries)
    members += [(e.project, user_id(e.person, None)) for e in firm.expenses]
    for project_n, member in members:
        if member is not None and project_n in projects:
            seats.setdefault((project_n, member), False)
    for n, ((project_n, member), leads) in enumerate(seats.items(), start=1):
        opened = tenant.workspaces.rows[ident("workspace", project_n)].created_at
        tenant.participations.add(
            rows.Participation(
                id=ident("participation", n),
                created_at=opened,
                updated_at=opened,
                workspace_id=ident("workspace", project_n),
                user_id=member,
                is_team_lead=leads,
                can_invite=leads,
                access_level="admin" if leads else "edit",
            )
        )


def _seed_bookings(tenant: Tenant, bookings: list[Booking]) -> None:
    roles = seed_accounts.role_ids(tenant)
    resources: dict[tuple[int, int | None, str], int] = {}
    for booking in bookings:
        changed = whole_second(booking.modified)
        member = user_id(booking.person, booking.subcontractor)
        key = (booking.project, member, booking.role if member is None else "")
        if key not in resources:
            resources[key] = _seed_resource(tenant, booking, member, roles.get(booking.role), len(resources) + 1)
        row = tenant.workspace_allocations.add(
            rows.WorkspaceAllocation(
                id=ident("workspace_allocation", booking.n),
                created_at=min(morning(booking.start), changed),
                updated_at=changed,
                workspace_id=ident("workspace", booking.project),
                workspace_resource_id=resources[key],
                start_date=booking.start,
                end_date=booking.end,
                minutes=booking.minutes,
                percentage=float(booking.percent),
                hard=booking.hard,
                creator_id=ADMIN_ID,
                updater_id=ADMIN_ID,
            )
        )
        if booking.canonical is not None:
            link(tenant, ("workspace_allocation", row.id), ("plumbline", "assignment", booking.canonical), changed)


def _seed_resource(tenant: Tenant, booking: Booking, member: int | None, role_id: int | None, n: int) -> int:
    opened = tenant.workspaces.rows[ident("workspace", booking.project)].created_at
    row = tenant.workspace_resources.add(
        rows.WorkspaceResource(
            id=ident("workspace_resource", n),
            created_at=opened,
            updated_at=opened,
            workspace_id=ident("workspace", booking.project),
            user_id=member,
            role_id=role_id,
            label=booking.role if member is None else None,
        )
    )
    return row.id
