"""Every collection of the tenant, by the name it has in paths and envelopes."""

from __future__ import annotations

from sources.sandbox.kantata.allocations import WORKSPACE_ALLOCATIONS
from sources.sandbox.kantata.approvals import EXPENSE_REPORT_SUBMISSIONS, TIMESHEET_SUBMISSIONS
from sources.sandbox.kantata.billing import BILLING_MILESTONES, INVOICES
from sources.sandbox.kantata.custom_fields import (
    CUSTOM_FIELD_CHOICES,
    CUSTOM_FIELD_SETS,
    CUSTOM_FIELD_VALUES,
    CUSTOM_FIELDS,
)
from sources.sandbox.kantata.events import SUBSCRIBED_EVENTS
from sources.sandbox.kantata.people import ROLES, SKILL_MEMBERSHIPS, SKILLS, USERS
from sources.sandbox.kantata.references import EXTERNAL_REFERENCES
from sources.sandbox.kantata.resource import Resource
from sources.sandbox.kantata.state_changes import STORY_STATE_CHANGES
from sources.sandbox.kantata.stories import STORIES
from sources.sandbox.kantata.team import PARTICIPATIONS, WORKSPACE_RESOURCES
from sources.sandbox.kantata.timekeeping import EXPENSES, TIME_ENTRIES
from sources.sandbox.kantata.workspace_groups import WORKSPACE_GROUPS
from sources.sandbox.kantata.workspaces import WORKSPACES

CATALOG: dict[str, Resource] = {
    resource.collection: resource
    for resource in (
        WORKSPACES,
        WORKSPACE_GROUPS,
        STORIES,
        STORY_STATE_CHANGES,
        BILLING_MILESTONES,
        INVOICES,
        USERS,
        ROLES,
        SKILLS,
        SKILL_MEMBERSHIPS,
        PARTICIPATIONS,
        WORKSPACE_RESOURCES,
        WORKSPACE_ALLOCATIONS,
        TIME_ENTRIES,
        TIMESHEET_SUBMISSIONS,
        EXPENSES,
        EXPENSE_REPORT_SUBMISSIONS,
        CUSTOM_FIELDS,
        CUSTOM_FIELD_SETS,
        CUSTOM_FIELD_CHOICES,
        CUSTOM_FIELD_VALUES,
        EXTERNAL_REFERENCES,
        SUBSCRIBED_EVENTS,
    )
}
