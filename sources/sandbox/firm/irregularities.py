"""The mess of real life, listed: where it lies in the firm and what the graph should show for it."""

from __future__ import annotations

from sources.sandbox.firm.customers import NAMESAKES, SPELLED_CUSTOMER
from sources.sandbox.firm.days import period_of
from sources.sandbox.firm.deals import DUPLICATED_DEAL, LATE_TIME_DEAL, MISSING_DEAL, Course
from sources.sandbox.firm.model import Firm, Mess
from sources.sandbox.firm.people import CAST
from sources.sandbox.firm.projects import Work


def irregularities(firm: Firm, works: list[Work], unmapped: int) -> list[Mess]:
    """The list; every entry names objects by type and number, the one at fault first."""
    project_of = {w.deal.number: w.project.n for w in reversed(works) if w.deal is not None}
    duplicate = next(w.project for w in works if w.deal is None and w.lines)
    late = [
        ("time_entry", e.n)
        for e in firm.time_entries
        if e.project == project_of[LATE_TIME_DEAL] and e.posted_period not in (None, period_of(e.day))
    ]
    beyond = next(b for b in firm.bookings if b.person == CAST.terminated)
    unlined = next(t for t in firm.tasks if t.line is None and firm.projects[t.project - 1].contract is not None)
    unnamed = next(b for b in firm.bookings if b.person is None and b.subcontractor is None)
    erp_only = next(w.project.n for w in works if w.deal is not None and w.deal.course is Course.GATE_ERP_ONLY)
    return [
        Mess(
            "duplicate project master",
            (("project", duplicate.n), ("project", project_of[DUPLICATED_DEAL]), ("contract_line", duplicate.lines[0])),
            "two projects on one contract line; the second is never linked to the first's financial structure",
        ),
        Mess(
            "project missing in the ERP",
            (("project", project_of[MISSING_DEAL]),),
            "stage GATE_PENDING, approved time without actuals, no invoices, revenue or revenue method",
        ),
        Mess(
            "project missing in the PSA",
            (("project", erp_only),),
            "stage GATE_PENDING, no tasks, assignments or time",
        ),
        Mess(
            "unmapped sold role",
            (("opportunity", unmapped),),
            "the sold role Transformation Guru has no delivery role and no labor category: null with the reason",
        ),
        Mess("late time", tuple(late), "posted to a later period than that of the work date, which is kept"),
        Mess(
            "terminated assignee",
            (("booking", beyond.n), ("person", CAST.terminated)),
            "an assignment that ends after its resource, who is TERMINATED, has left",
        ),
        Mess(
            "customer spelled differently",
            (("customer", SPELLED_CUSTOMER),),
            "one customer with records of three systems, named as the CRM names it",
        ),
        Mess(
            "customers of the same name",
            tuple(("customer", n) for n in NAMESAKES),
            "two customers: a name never matches, the tax registrations differ",
        ),
        Mess(
            "task without contract line",
            (("task", unlined.n), ("project", unlined.project)),
            "contractLine null; its billable time is never billed",
        ),
        Mess(
            "assignment of an unnamed resource",
            (("booking", unnamed.n), ("project", unnamed.project)),
            "resource null, role given, soft booking",
        ),
        Mess(
            "contingent worker who is a subcontractor",
            (("subcontractor", 1), ("person", CAST.contingent)),
            "one resource of kind SUBCONTRACTOR: the ERP's vendor wins over the worker of the same e-mail",
        ),
    ]
