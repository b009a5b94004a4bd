"""Time entries, expenses, what was handed in for approval, and the feed's memory of the last days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sources.sandbox.firm.model import Amount, Expense, Firm, Person, TimeEntry, TimeState
from sources.sandbox.kantata import rows
from sources.sandbox.kantata.money import subunits
from sources.sandbox.kantata.seed_accounts import ident, morning, user_id
from sources.sandbox.kantata.seed_projects import invoice_id
from sources.sandbox.kantata.stamps import whole_second
from sources.sandbox.kantata.tenant import ACCOUNT_ID, ADMIN_ID, EVENT_SUBJECTS, Tenant, workspace_of

RETENTION = timedelta(days=9)
EXPENSE_SUBMISSION_BASE = 3700000
_EVENT_BASE = 990000000
_STATUS = {TimeState.SUBMITTED: "pending", TimeState.APPROVED: "approved", TimeState.REJECTED: "rejected"}
_STILL_ACTIVE = (TimeState.SUBMITTED, TimeState.APPROVED)


def seed_time(tenant: Tenant, firm: Firm) -> None:
    """Fill time entries and expenses with their submissions; then start the stories that have time on them."""
    kept = [entry for entry in firm.time_entries if ident("workspace", entry.project) in tenant.workspaces.rows]
    submissions = _seed_timesheets(tenant, kept)
    rates = _bill_rates(firm)
    people = {person.n: person for person in firm.people}
    for entry in kept:
        person = None if entry.person is None else people.get(entry.person)
        _seed_entry(tenant, entry, submissions.get(entry.n), _rates_of(tenant, entry, rates, person))
    _start_stories(tenant)
    for expense in firm.expenses:
        if ident("workspace", expense.project) in tenant.workspaces.rows:
            _seed_expense(tenant, expense)


def seed_events(tenant: Tenant, today: date) -> None:
    """Fill the feed with one event per record that changed within its retention, oldest first."""
    since = morning(today) - RETENTION
    recent: list[tuple[datetime, str, rows.Row]] = []
    for collection in EVENT_SUBJECTS:
        recent += [(row.updated_at, collection, row) for row in tenant.table(collection) if row.updated_at >= since]
    recent.sort(key=lambda event: event[0])
    for n, (changed, collection, row) in enumerate(recent, start=1):
        created = row.created_at == changed
        subject = EVENT_SUBJECTS[collection]
        tenant.subscribed_events.add(
            rows.SubscribedEvent(
                id=_EVENT_BASE + n,
                # The feed lags behind the change, and not always by the same time.
                created_at=changed + timedelta(seconds=1 + row.id % 4),
                updated_at=changed + timedelta(seconds=1 + row.id % 4),
                event_type=f"{subject}:{'created' if created else 'updated'}",
                subject_type=subject,
                subject_collection=collection,
                subject_id=row.id,
                subject_changed_at=changed,
                context_workspace_id=workspace_of(collection, row),
                user_id=ADMIN_ID,
            )
        )


def _bill_rates(firm: Firm) -> dict[int, Amount]:
    """Bill rate per task, where the task's contract line has one."""
    lines = {line.n: line.bill_rate for line in firm.contract_lines}
    return {task.n: lines[task.line] for task in firm.tasks if task.line in lines and task.billable}


def _rates_of(
    tenant: Tenant, entry: TimeEntry, rates: dict[int, Amount], person: Person | None
) -> tuple[int | None, int | None]:
    """(bill, cost) per hour in subunits of the project's currency; None where it would need a conversion."""
    currency = tenant.workspaces.rows[ident("workspace", entry.project)].currency
    bill = rates.get(entry.task) if entry.billable else None
    known = [] if person is None else [rate for rate in person.cost_rates if rate.valid_from <= entry.day]
    cost = max(known, key=lambda rate: rate.valid_from).rate if known else None
    return (_in_currency(bill, currency), _in_currency(cost, currency))


def _in_currency(amount: Amount | None, currency: str) -> int | None:
    return subunits(amount) if amount is not None and amount.currency == currency else None


def _seed_entry(tenant: Tenant, entry: TimeEntry, submission: int | None, rates: tuple[int | None, int | None]) -> None:
    changed = whole_second(entry.modified)
    worker = user_id(entry.person, entry.subcontractor)
    if worker is None:
        return
    user = tenant.users.get(worker)
    tenant.time_entries.add(
        rows.TimeEntry(
            id=ident("time_entry", entry.n),
            created_at=min(morning(entry.day), changed),
            updated_at=changed,
            workspace_id=ident("workspace", entry.project),
            user_id=worker,
            date_performed=entry.day,
            time_in_minutes=entry.minutes,
            story_id=ident("story", entry.task),
            billable=entry.billable,
            notes=entry.note,
            rate_in_cents=rates[0],
            cost_rate_in_cents=rates[1] if user is not None and user.account_id == ACCOUNT_ID else None,
            role_id=None if user is None else user.role_id,
            approved=entry.state is TimeState.APPROVED,
            active_submission_id=submission if entry.state in _STILL_ACTIVE else None,
            recent_submission_id=submission,
            invoice_id=invoice_id(tenant, entry.invoice),
        )
    )


def _seed_timesheets(tenant: Tenant, entries: Iterable[TimeEntry]) -> dict[int, int]:
    """Make the submissions; answers the submission id per entry number.

    The vendor keeps one project and one person per submission, so a group of the firm that spans
    several becomes several; the first keeps the group's id.
    """
    groups: dict[tuple[int, int, int | None], list[TimeEntry]] = {}
    for entry in entries:
        if entry.submission is not None and entry.state in _STATUS:
            worker = user_id(entry.person, entry.subcontractor)
            groups.setdefault((entry.submission, entry.project, worker), []).append(entry)
    extra = max((key[0] for key in groups), default=0)
    taken: set[int] = set()
    found: dict[int, int] = {}
    for (number, _, worker), members in groups.items():
        if worker is None:
            continue
        chosen = number
        if number in taken:
            extra += 1
            chosen = extra
        taken.add(chosen)
        row = _timesheet(ident("timesheet_submission", chosen), worker, members)
        tenant.timesheet_submissions.add(row)
        found.update((member.n, row.id) for member in members)
    return found


def _timesheet(row_id: int, worker: int, members: list[TimeEntry]) -> rows.Submission:
    days = [member.day for member in members]
    changed = max(whole_second(member.modified) for member in members)
    states = {member.state for member in members}
    # A rejected line sends the whole sheet back; a sheet is approved when all its lines are.
    status = next(_STATUS[s] for s in (TimeState.REJECTED, TimeState.SUBMITTED, TimeState.APPROVED) if s in states)
    decided = next((member for member in members if member.approved_at is not None), None)
    approver = None if decided is None else decided.approver
    approved_at = None if decided is None else decided.approved_at
    return rows.Submission(
        id=row_id,
        created_at=min(morning(max(days)), changed),
        updated_at=changed,
        workspace_id=ident("workspace", members[0].project),
        user_id=worker,
        status=status,
        start_date=min(days),
        end_date=max(days),
        title=f"Timesheet {min(days)} to {max(days)}",
        item_ids=tuple(ident("time_entry", member.n) for member in members),
        resolution_creator_id=user_id(approver, None),
        resolved_on=None if approved_at is None else approved_at.date(),
    )


def _start_stories(tenant: Tenant) -> None:
    for story in tenant.stories:
        totals = tenant.totals("story_id", story.id)
        logged = totals.billable_minutes + totals.nonbillable_minutes
        if logged and story.state == "not started":
            story.state = "started"
            story.percentage_complete = min(95, 100 * logged // max(1, story.time_estimate_in_minutes or logged))


def _seed_expense(tenant: Tenant, expense: Expense) -> None:
    changed = whole_second(expense.modified)
    row = rows.Expense(
        id=ident("expense", expense.n),
        created_at=min(morning(expense.day), changed),
        updated_at=changed,
        workspace_id=ident("workspace", expense.project),
        user_id=ident("user", expense.person),
        date=expense.day,
        category=expense.category,
        amount_in_cents=subunits(expense.amount),
        currency=expense.amount.currency,
        billable=expense.billable,
        approved=expense.state is TimeState.APPROVED,
    )
    if expense.state in _STATUS:
        row.recent_submission_id = EXPENSE_SUBMISSION_BASE + expense.n
        row.active_submission_id = row.recent_submission_id if expense.state in _STILL_ACTIVE else None
        tenant.expense_report_submissions.add(
            rows.Submission(
                id=row.recent_submission_id,
                created_at=row.created_at,
                updated_at=changed,
                workspace_id=row.workspace_id,
                user_id=row.user_id,
                status=_STATUS[expense.state],
                start_date=expense.day,
                end_date=expense.day,
                title=f"Expenses {expense.day}",
                item_ids=(row.id,),
            )
        )
    tenant.expenses.add(row)
