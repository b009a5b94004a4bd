"""Writing to Kantata: one change is one or several calls, each of which may be lost without doubling anything.

Kantata has neither compare-and-set nor idempotency. So every change leaves a mark at the vendor in the very
call that makes it: what is created carries its canonical id as external reference (`plumbline`), what is
updated the change's token (`plumbline-write`; an object holds one reference of each service). `write` looks
for its mark first and makes only the steps that are missing, so calling it again finishes a change that stopped
half-way (`verify` then says that it is not whole), and the version is not compared a second time.

The steps of a change are ordered so that the one which shows in the graph comes last: a participation before
its lead, a workspace resource before its booking, "Accepted by" before "Accepted on". What a refused change
leaves behind of the former is harmless and stays: a person on a project's team.

A request that timed out may still be carried out within the vendor's three minutes: `verify`'s None is only
as certain as the wait before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hub.domain.kinds import Kind
from hub.domain.records import Record, Value
from hub.errors import SourceRejected, VersionConflict
from hub.ports import SourceWrite, WriteReceipt
from sources.kantata.bodies import ASSIGNMENT, PROJECT, TIME_ENTRY, Given, is_id
from sources.kantata.refusals import PERSON_DISABLED, explained
from sources.kantata.translate import CANONICAL_SERVICE
from sources.kantata.wire import Envelope, Query, envelope, identifier, identifiers
from sources.shapes import Row
from sources.steps import Steps, stepwise
from sources.transport import Transport
from sources.versions import VERSION
from sources.writing import SUCCESS, require_action

Found = tuple[Row, Envelope]

ACTIONS: Mapping[Kind, frozenset[str]] = {
    Kind.PROJECT: frozenset({"update"}),
    Kind.ASSIGNMENT: frozenset({"create", "update"}),
    Kind.TIME_ENTRY: frozenset({"create", "approve", "reject"}),
    Kind.MILESTONE: frozenset({"complete", "approve"}),
}
TOKEN_SERVICE = "plumbline-write"  # noqa: S105 - the name of a service; the token names a write and opens nothing
REFERENCES = "external_references"

NOT_FOUND = "NOT_FOUND"
UNKNOWN_ROLE = "UNKNOWN_ROLE"
OTHER_ROLE = "OTHER_ROLE"
NOT_SUBMITTED = "NOT_SUBMITTED"
SUBMISSION_SHARED = "SUBMISSION_SHARED"
ALREADY_APPROVED = "ALREADY_APPROVED"


@dataclass(frozen=True, slots=True)
class Reads:
    """What writing needs of the read side.

    `fetch` is the adapter's own; `by_id` gives rows with what they include; `listed` the rows of a kind that
    a query finds; `submission` a timesheet submission with its entries; `role_id` the id of the role of that
    name, `role_name` the reverse; `field_id` the id of a mapped custom field of a type of subject.
    """

    fetch: Callable[[Kind, Sequence[str], frozenset[str]], Awaitable[list[Record | None]]]
    by_id: Callable[[Kind, Sequence[str], Collection[str]], Awaitable[list[Found]]]
    listed: Callable[[Kind, Query], Awaitable[Envelope]]
    submission: Callable[[str], Awaitable[Found]]
    role_id: Callable[[str], Awaitable[str | None]]
    role_name: Callable[[str], Awaitable[str | None]]
    field_id: Callable[[str, str], Awaitable[str]]


Deed = Callable[[Given, Steps], Awaitable[WriteReceipt]]
Proof = Callable[[SourceWrite], Awaitable[Row | None]]
"""Gives the record when the change shows in it, with every step."""


class KantataWrites:
    """The write side of one Kantata account; see hub.ports.SourceWriter.

    Values by action (canonical names and types; only those given are written):
    - project update: name, start_date, end_date, delivery_status, archived, manager (Ref)
    - assignment create: project, resource (Refs), role, start_date, end_date, planned_hours, booking;
      update: start_date, end_date, planned_hours, booking
    - time_entry create: project, task, resource (Refs), work_date, hours, billable, note; approve and reject:
      reason, whole_submission (True decides on all entries of a shared submission)
    - milestone complete: none; approve: approved_on (date), approved_by (e-mail)
    """

    def __init__(self, system: str, transport: Transport, reads: Reads) -> None:
        self.system = system
        self._transport = transport
        self._reads = reads
        self._deeds: Mapping[tuple[Kind, str], tuple[Deed, Proof]] = {
            (Kind.PROJECT, "update"): (self._update_project, self._updated),
            (Kind.ASSIGNMENT, "create"): (self._book, self._booked),
            (Kind.ASSIGNMENT, "update"): (self._update_assignment, self._updated),
            (Kind.TIME_ENTRY, "create"): (self._enter_time, self._submitted),
            (Kind.TIME_ENTRY, "approve"): (self._review, self._reviewed),
            (Kind.TIME_ENTRY, "reject"): (self._review, self._reviewed),
            (Kind.MILESTONE, "complete"): (self._complete, self._completed),
            (Kind.MILESTONE, "approve"): (self._accept, self._accepted),
        }

    async def write(self, change: SourceWrite) -> WriteReceipt:
        """See SourceWriter.write."""
        require_action(self.system, ACTIONS, change)
        deed, _ = self._deeds[change.kind, change.action]
        with stepwise(self.system) as steps:
            try:
                return await deed(Given(self.system, change), steps)
            except SourceRejected as exc:
                told = await explained(exc, change, self._disabled)
                if told is exc:
                    raise
                raise told from exc

    async def verify(self, change: SourceWrite) -> WriteReceipt | None:
        """See SourceWriter.verify."""
        require_action(self.system, ACTIONS, change)
        _, proof = self._deeds[change.kind, change.action]
        row = await proof(change)
        if row is None:
            begun = await self._begun(change)
            return None if begun is None else replace(_receipt(begun), whole=False)
        return _receipt(row, await self._reviewed_with(row)) if _is_review(change) else _receipt(row)

    async def _begun(self, change: SourceWrite) -> Row | None:
        """The record in which the change shows though a step is missing: it has been made, or marked."""
        found = await (self._created(change) if change.external_id is None else self._find(change))
        shows = found is not None and (change.external_id is None or _marked(found, change))
        return found[0] if found is not None and shows else None

    # What all actions share.

    async def _send(self, method: str, path: str, body: Any, steps: Steps, *, shows: bool = True) -> Row:
        """One write; its record as the vendor has it now. `path` without ids names the operation."""
        operation = f"{method} {path.partition('/')[0]}"
        response = await self._transport.call(
            method, path, json=body, expect=SUCCESS, idempotent=False, operation=operation
        )
        steps.step(shows=shows)
        page = envelope(response.data, self.system, operation)
        if len(page.rows) != 1:
            raise Row(self.system, operation, {}).broken("results", "one record")
        return page.rows[0]

    async def _open(self, given: Given, *include: str) -> Found:
        """The record as it is now; refuses one that has changed since the caller's version.

        A record that carries this change's mark has its version from this very change: it is not compared.
        """
        change = given.change
        found, version = await asyncio.gather(self._find(change, include), self._version(change))
        if found is None:
            raise given.refusal("has no such record", NOT_FOUND)
        if version != change.version and not _marked(found, change):
            raise VersionConflict(f"the {change.kind} has changed since that version was read")
        return found

    async def _find(self, change: SourceWrite, include: Collection[str] = ()) -> Found | None:
        if change.external_id is None or not is_id(change.external_id):
            return None
        found = await self._reads.by_id(change.kind, [change.external_id], {*include, REFERENCES})
        return found[0] if found else None

    async def _version(self, change: SourceWrite) -> Value:
        """The record's version, None when the caller does not care."""
        if change.version is None or change.external_id is None:
            return None
        (record,) = await self._reads.fetch(change.kind, [change.external_id], frozenset({VERSION}))
        return None if record is None else record.attributes[VERSION]

    async def _attributes(self, change: SourceWrite, names: Collection[str]) -> Mapping[str, Value]:
        (record,) = await self._reads.fetch(change.kind, [change.external_id or ""], frozenset(names))
        return {} if record is None else record.attributes

    async def _created(self, change: SourceWrite) -> Found | None:
        """What an earlier try of this create has made."""
        mark = _reference(CANONICAL_SERVICE, change)
        query = {
            "external_reference_service_name": mark["service_name"],
            "external_reference_service_model": mark["service_model"],
            "external_reference_service_model_refs": mark["service_model_ref"],
            "include": REFERENCES,
        }
        page = await self._reads.listed(change.kind, query)
        # The filters may be matched by different references, so what is found is looked at again.
        return next(((row, page) for row in page.rows if _carries((row, page), mark)), None)

    async def _disabled(self, user_id: str) -> bool | None:
        """Whether a person's account is disabled; None where there is no such person."""
        people = await self._reads.by_id(Kind.RESOURCE, [user_id], ())
        return bool(people[0][0].flag("disabled")) if people else None

    # Projects.

    async def _update_project(self, given: Given, steps: Steps) -> WriteReceipt:
        change = given.change
        body = given.body(PROJECT, besides=("manager",))
        manager = given.id_of("manager") if "manager" in change.values else None
        workspace, _ = found = await self._open(given, "participations")
        workspace_id = workspace.required("id", identifier(workspace, "id"))
        seat = None if manager is None else await self._seat(given, found, manager, steps)
        if body and not _marked(found, change):
            marked = {**body, "external_reference": _reference(TOKEN_SERVICE, change)}
            await self._send("PUT", f"workspaces/{workspace_id}", {"workspace": marked}, steps)
        if seat is not None and not (
            seat.flag("is_team_lead") and identifier(workspace, "primary_maven_id") == manager
        ):
            seat_id = seat.required("id", identifier(seat, "id"))
            await self._send("PUT", f"participations/{seat_id}", {"participation": {"team_lead": True}}, steps)
        return WriteReceipt(workspace_id)

    async def _seat(self, given: Given, found: Found, user_id: str, steps: Steps) -> Row:
        """The person's participation on the provider's side; made when there is none."""
        workspace, page = found
        disabled = await self._disabled(user_id)
        if disabled is None:
            raise given.refusal("has no such manager", NOT_FOUND, attribute="manager")
        if disabled:
            raise given.refusal("the manager's account is disabled", PERSON_DISABLED, attribute="manager")
        seats = [page.side("participations", seat) for seat in identifiers(workspace, "participation_ids")]
        mine = [seat for seat in seats if identifier(seat, "user_id") == user_id and seat.text("role") != "buyer"]
        if mine:
            return mine[0]
        body = {"workspace_id": identifier(workspace, "id"), "user_id": user_id, "role": "maven"}
        return await self._send("POST", "participations", {"participation": body}, steps, shows=False)

    async def _updated(self, change: SourceWrite) -> Row | None:
        """Whether the record has the change's values, or its mark: then others have changed it since."""
        found = await self._find(change)
        if found is None:
            return None
        now = await self._attributes(change, change.values)
        late = {name for name, value in change.values.items() if name not in now or now[name] != value}
        return found[0] if not late or (_marked(found, change) and "manager" not in late) else None

    # Bookings.

    async def _book(self, given: Given, steps: Steps) -> WriteReceipt:
        change = given.change
        needs = ("project", "resource", "start_date", "end_date", "planned_hours", "booking")
        body = given.body(ASSIGNMENT, besides=("project", "resource", "role"), needs=needs)
        workspace_id, user_id = given.id_of("project"), given.id_of("resource")
        role = await self._role(given)
        existing, workspaces = await asyncio.gather(
            self._created(change), self._reads.by_id(Kind.PROJECT, [workspace_id], ("workspace_resources",))
        )
        if existing is not None:
            return _receipt(existing[0])
        if not workspaces:
            raise given.refusal("has no such project", NOT_FOUND, attribute="project")
        resource_id = await self._seat_in(given, workspaces[0], user_id, role)
        if resource_id is None:
            resource_id = await self._join(given, workspace_id, user_id, role, steps)
        booking = {**body, "resource_id": resource_id, "external_reference": _reference(CANONICAL_SERVICE, change)}
        return _receipt(await self._send("POST", "workspace_allocations", {"workspace_allocation": booking}, steps))

    async def _seat_in(self, given: Given, found: Found, user_id: str, role_id: str | None) -> str | None:
        """The person's workspace resource in that role, the first made of several; None for who is not there yet.

        A booking's role is its resource's, and a person is one resource of a project: another role is refused.
        """
        held = _resources_of(found, user_id)
        fitting = [resource for resource, role in held.items() if role_id in (None, role)]
        if held and not fitting:
            names = [await self._reads.role_name(role) for role in held.values() if role is not None]
            allowed = tuple(sorted({name for name in names if name is not None}))
            raise given.refusal(
                "the person has another role on the project", OTHER_ROLE, attribute="role", allowed=allowed
            )
        return min(fitting, key=int, default=None)

    async def _join(self, given: Given, workspace_id: str, user_id: str, role_id: str | None, steps: Steps) -> str:
        """Make the person a workspace resource; refused because another booking has just done so, use that one's."""
        person = {"workspace_id": workspace_id, "user_id": user_id} | ({} if role_id is None else {"role_id": role_id})
        try:
            made = await self._send("POST", "workspace_resources", {"workspace_resource": person}, steps, shows=False)
        except SourceRejected:
            now = await self._reads.by_id(Kind.PROJECT, [workspace_id], ("workspace_resources",))
            resource_id = await self._seat_in(given, now[0], user_id, role_id) if now else None
            if resource_id is None:
                raise
            return resource_id
        return made.required("id", identifier(made, "id"))

    async def _role(self, given: Given) -> str | None:
        """The id of the role by its name."""
        name = given.text("role")
        if name is None:
            return None
        role_id = await self._reads.role_id(name)
        if role_id is None:
            raise given.refusal("role is none of the account's roles", UNKNOWN_ROLE, attribute="role")
        return role_id

    async def _update_assignment(self, given: Given, steps: Steps) -> WriteReceipt:
        body = given.body(ASSIGNMENT)
        row, _ = found = await self._open(given)
        if body and not _marked(found, given.change):
            allocation = {**body, "external_reference": _reference(TOKEN_SERVICE, given.change)}
            path = f"workspace_allocations/{given.change.external_id}"
            await self._send("PUT", path, {"workspace_allocation": allocation}, steps)
        return _receipt(row)

    async def _booked(self, change: SourceWrite) -> Row | None:
        found = await self._created(change)
        return None if found is None else found[0]

    # Time.

    async def _enter_time(self, given: Given, steps: Steps) -> WriteReceipt:
        change = given.change
        body = given.body(TIME_ENTRY, needs=("project", "task", "resource", "work_date", "hours"))
        existing = await self._created(change)
        if existing is None:
            entry = {**body, "external_reference": _reference(CANONICAL_SERVICE, change)}
            row = await self._send("POST", "time_entries", {"time_entry": entry}, steps)
        else:
            row = existing[0]
        if identifier(row, "recent_submission_id") is None:
            await self._submit(given, row.required("id", identifier(row, "id")), steps)
        return _receipt(row)

    async def _submit(self, given: Given, entry_id: str, steps: Steps) -> None:
        """Submit one entry for approval. When that is refused the entry is taken back: the change is refused whole."""
        submission = {
            "workspace_id": given.id_of("project"),
            "user_id": given.id_of("resource"),
            "line_item_ids": [entry_id],
            "external_reference": _reference(TOKEN_SERVICE, given.change),
        }
        try:
            await self._send("POST", "timesheet_submissions", {"timesheet_submission": submission}, steps)
        except SourceRejected:
            if await self._submitted(given.change) is not None:
                return  # Somebody else has submitted it in the meantime.
            await self._transport.call(
                "DELETE", f"time_entries/{entry_id}", expect=(204, 404), operation="DELETE time_entries"
            )
            steps.undone()
            raise

    async def _submitted(self, change: SourceWrite) -> Row | None:
        """The entry when it has been created and submitted."""
        found = await self._created(change)
        return None if found is None or identifier(found[0], "recent_submission_id") is None else found[0]

    async def _review(self, given: Given, steps: Steps) -> WriteReceipt:
        """Approve or reject an entry through its submission."""
        change = given.change
        given.body({}, besides=("reason", "whole_submission"))
        reason = given.text("reason")
        row, _ = await self._open(given)
        submission_id = identifier(row, "recent_submission_id")
        if submission_id is None:
            raise given.refusal("the entry has not been submitted", NOT_SUBMITTED)
        submission, _ = await self._reads.submission(submission_id)
        status = submission.required("status", submission.text("status"))
        if status != "pending":
            raise given.refusal("the entry's submission is not pending", f"SUBMISSION_{status.upper()}")
        others = _others(row, submission)
        if others and change.values.get("whole_submission") is not True:
            message = f"the entry was submitted together with {len(others)} others, which are decided on with it"
            raise given.refusal(message, SUBMISSION_SHARED, attribute="whole_submission")
        body = {} if reason is None else {"timesheet_submission": {"resolution_description": reason}}
        try:
            await self._send("PUT", f"timesheet_submissions/{submission_id}/{change.action}", body, steps)
        except SourceRejected as exc:
            submission, _ = await self._reads.submission(submission_id)
            if submission.text("status") == "pending":
                raise
            raise VersionConflict("the submission was decided on, or taken back, meanwhile") from exc
        return _receipt(row, others)

    async def _reviewed(self, change: SourceWrite) -> Row | None:
        found = await self._find(change)
        if found is None:
            return None
        status = (await self._attributes(change, {"status"})).get("status")
        wanted = ("APPROVED", "BILLED") if change.action == "approve" else ("REJECTED",)
        return found[0] if status in wanted else None

    async def _reviewed_with(self, row: Row) -> tuple[str, ...]:
        """The other entries of the submission by which an entry was decided on."""
        submission_id = identifier(row, "recent_submission_id")
        if submission_id is None:
            return ()
        submission, _ = await self._reads.submission(submission_id)
        return _others(row, submission)

    # Milestones.

    async def _complete(self, given: Given, steps: Steps) -> WriteReceipt:
        given.body({})
        row, _ = found = await self._open(given)
        if row.text("state") != "completed" and not _marked(found, given.change):
            story = {"state": "completed", "external_reference": _reference(TOKEN_SERVICE, given.change)}
            await self._send("PUT", f"stories/{given.change.external_id}", {"story": story}, steps)
        return _receipt(row)

    async def _completed(self, change: SourceWrite) -> Row | None:
        found = await self._find(change)
        shows = found is not None and (found[0].text("state") == "completed" or _marked(found, change))
        return found[0] if found is not None and shows else None

    async def _accept(self, given: Given, steps: Steps) -> WriteReceipt:
        """Write down the acceptance; the day comes last, for it is what makes the milestone approved."""
        given.body({}, besides=("approved_on", "approved_by"), needs=("approved_on", "approved_by"))
        wanted = await self._acceptance(given)
        row, page = await self._open(given, "custom_field_values")
        held = _values_of((row, page), wanted)
        on = next(reversed(wanted))
        if on in held and any(field not in held or held[field][1] != value for field, value in wanted.items()):
            raise given.refusal("the milestone has been approved already", ALREADY_APPROVED)
        for field, value in wanted.items():
            if field not in held:
                subject = {"subject_type": "story", "subject_id": int(given.change.external_id or 0)}
                fresh = {**subject, "custom_field_id": field, "value": value}
                await self._send("POST", "custom_field_values", {"custom_field_value": fresh}, steps, shows=field == on)
            elif held[field][1] != value:
                path = f"custom_field_values/{held[field][0]}"
                await self._send("PUT", path, {"custom_field_value": {"value": value}}, steps, shows=field == on)
        return _receipt(row)

    async def _acceptance(self, given: Given) -> dict[str, str]:
        """The values by field id, in the order of writing: who accepted, and when."""
        by, on = given.full_text("approved_by"), given.day("approved_on")
        return {
            await self._reads.field_id("milestone.approved_by", "story"): by,
            await self._reads.field_id("milestone.approved_at", "story"): on or "",
        }

    async def _accepted(self, change: SourceWrite) -> Row | None:
        wanted = await self._acceptance(Given(self.system, change))
        found = await self._find(change, ("custom_field_values",))
        if found is None:
            return None
        held = _values_of(found, wanted)
        return found[0] if all(field in held and held[field][1] == value for field, value in wanted.items()) else None


def _receipt(row: Row, also: tuple[str, ...] = ()) -> WriteReceipt:
    return WriteReceipt(row.required("id", identifier(row, "id")), also=also)


def _is_review(change: SourceWrite) -> bool:
    return change.kind is Kind.TIME_ENTRY and change.action in ("approve", "reject")


def _others(entry: Row, submission: Row) -> tuple[str, ...]:
    """The entries of a submission besides this one."""
    own = identifier(entry, "id")
    return tuple(vendor_id for vendor_id in identifiers(submission, "time_entry_ids") if vendor_id != own)


def _reference(service: str, change: SourceWrite) -> dict[str, str]:
    """The mark that a change leaves: the canonical id of what it creates, or its token."""
    creates = service == CANONICAL_SERVICE
    return {
        "service_name": service,
        "service_model": change.kind.value if creates else "command",
        "service_model_ref": str(change.canonical_id or change.token) if creates else change.token,
    }


def _carries(found: Found, mark: Mapping[str, str]) -> bool:
    """Whether a row that includes its references has that one."""
    row, page = found
    held = [page.side(REFERENCES, reference) for reference in identifiers(row, "external_reference_ids")]
    return any(all(reference.text(name) == value for name, value in mark.items()) for reference in held)


def _marked(found: Found, change: SourceWrite) -> bool:
    return _carries(found, _reference(TOKEN_SERVICE, change))


def _resources_of(found: Found, user_id: str) -> dict[str, str | None]:
    """The person's workspace resources on a project, and the id of the role that each of them has."""
    row, page = found
    named = [page.side("workspace_resources", resource) for resource in identifiers(row, "workspace_resource_ids")]
    return {
        resource.required("id", identifier(resource, "id")): identifier(resource, "role_id")
        for resource in named
        if identifier(resource, "user_id") == user_id
    }


def _values_of(found: Found, fields: Collection[str]) -> dict[str, tuple[str, str | None]]:
    """Value id and text of a story's custom fields, by field id."""
    row, page = found
    values = [page.side("custom_field_values", value) for value in identifiers(row, "custom_field_value_ids")]
    return {
        field: (value.required("id", identifier(value, "id")), value.text("value"))
        for value in values
        if (field := identifier(value, "custom_field_id") or "") in fields
    }
