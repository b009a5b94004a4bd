"""What only the owner can refuse is told, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import httpx
import pytest

from hub.domain.commands import CommandStatus
from hub.domain.kinds import Domain
from tests.integration.commands.case import Ready
from tests.integration.commands.people import user_id
from tests.integration.commands.running import codes, run
from tests.integration.commands.table import CASES
from tests.support.live import Live

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("table of commands")]

FINER_THAN_MINUTES = [
    ("assignResource", "plannedHours"),
    ("updateAssignment", "plannedHours"),
    ("submitTimeEntry", "hours"),
]
BY_NAME = {case.name: case for case in CASES if not case.variant}
SUBMIT = BY_NAME["submitTimeEntry"]


async def workspace_of(hub: Live, ready: Ready) -> str:
    """The project's id in Kantata."""
    return (await hub.entity(ready.given["projectId"])).keys[Domain.PSA].external_id


async def test_a_day_has_24_hours_in_the_psa(hub: Live) -> None:
    """The worker has entered some time of that day in Kantata itself."""
    ready = (await SUBMIT.ready(hub)).but(hours=Decimal(24))
    entry = {
        "workspace_id": await workspace_of(hub, ready),
        "user_id": user_id(await hub.entity(ready.given["resourceId"])),
        "date_performed": ready.given["workDate"].isoformat(),
        "time_in_minutes": 15,
    }
    hub.vendor("kantata", "/api/v1/time_entries", "POST", {"time_entry": entry})
    before = ready.state()
    outcome = await run(hub, SUBMIT, ready, f"full-{hub.number()}")
    assert (outcome.status, codes(outcome)) == (CommandStatus.REJECTED, ["HOURS_INVALID"])
    assert outcome.errors[0].field == "hours"
    assert ready.state() == before


async def test_time_that_cannot_be_submitted_is_taken_back(hub: Live) -> None:
    """The project is archived in Kantata between the two calls: the entry does not stay as a draft."""
    ready = await SUBMIT.ready(hub)
    path, before = f"/api/v1/workspaces/{await workspace_of(hub, ready)}", ready.state()

    async def archive(request: httpx.Request) -> None:
        if request.method == "POST" and "timesheet_submissions" in request.url.path:
            await asyncio.to_thread(hub.vendor, "kantata", path, "PUT", {"workspace": {"archived": True}})

    hub.connections["kantata"].transport._open().event_hooks = {"request": [archive]}
    outcome = await run(hub, SUBMIT, ready, f"archived-{hub.number()}")
    hub.vendor("kantata", path, "PUT", {"workspace": {"archived": False}})
    assert (outcome.status, codes(outcome)) == (CommandStatus.REJECTED, ["SOURCE_REJECTED"])
    assert ready.state() == before


@pytest.mark.parametrize(("name", "field"), FINER_THAN_MINUTES)
async def test_hours_that_are_no_whole_minutes_are_refused(hub: Live, name: str, field: str) -> None:
    """Kantata would keep other hours than were given."""
    case = BY_NAME[name]
    ready = (await case.ready(hub)).but(**{field: Decimal("1.01")})
    before = ready.state()
    outcome = await run(hub, case, ready, f"fine-{hub.number()}")
    assert (outcome.status, codes(outcome)) == (CommandStatus.REJECTED, ["INVALID_INPUT"])
    assert ready.state() == before


async def test_a_value_that_the_owner_cannot_take_names_its_field(hub: Live) -> None:
    """As every other malformed input does."""
    case = BY_NAME["assignResource"]
    ready = (await case.ready(hub)).but(plannedHours=Decimal("1.01"))
    outcome = await run(hub, case, ready, f"field-{hub.number()}")
    assert outcome.errors[0].field == "plannedHours"
