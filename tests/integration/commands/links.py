"""The row of the table for links: real records of two systems, which nothing but a person can join."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from hub.domain.commands import Outcome
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain, Kind
from hub.domain.records import RecordKey
from hub.ports import Entity
from tests.integration.commands.case import Case, Ready, Refused, given
from tests.support.commands import SUPPORT
from tests.support.live import Live

ACCOUNTS = "/services/data/v66.0/sobjects/Account"
CUSTOMERS = "/services/rest/record/v1/customer"


async def known_in_erp(hub: Live) -> Entity:
    """A customer of whom the ERP has a record that the hub knows of."""
    where = "EXISTS (SELECT 1 FROM record r WHERE r.entity_id = e.id AND r.system = 'netsuite')"
    return await hub.find(Kind.CUSTOMER, where)


async def account(hub: Live) -> Entity:
    """A customer whom somebody has just entered in Salesforce, and the ERP does not know."""
    made = hub.vendor("salesforce", ACCOUNTS, "POST", {"Name": f"Account {hub.number()}"})
    return await hub.discovered(Kind.CUSTOMER, made["id"], "salesforce")


async def stray(hub: Live) -> RecordKey:
    """A customer whom somebody has just entered in NetSuite, without a word of who that is in Salesforce."""
    name, known = f"Customer {hub.number()}", await known_in_erp(hub)
    subsidiary = hub.vendor("netsuite", f"{CUSTOMERS}/{known.keys[Domain.ERP].external_id}")["subsidiary"]
    hub.vendor("netsuite", CUSTOMERS, "POST", {"companyName": name, "subsidiary": {"id": subsidiary["id"]}})
    query = quote(f'companyName IS "{name}"')
    found = hub.vendor("netsuite", f"{CUSTOMERS}?q={query}")
    key = RecordKey("netsuite", Kind.CUSTOMER, found["items"][0]["id"])
    record = await hub.desk.read(key)
    assert record is not None
    await hub.desk.take([record])
    return key


def _state(hub: Live, entity: Entity, key: RecordKey) -> tuple[Any, Any]:
    """What the two systems say; a link is no business of theirs."""
    theirs = hub.vendor("salesforce", f"{ACCOUNTS}/{entity.keys[Domain.CRM].external_id}")
    return theirs, hub.vendor("netsuite", f"{CUSTOMERS}/{key.external_id}")


async def _link(hub: Live) -> Ready:
    entity, key = await account(hub), await stray(hub)

    async def also(outcome: Outcome) -> None:
        """Both records are the entity's, which is what the payload shows."""
        assert outcome.entity == entity.id
        assert {*(await hub.entity(entity.id)).records} == {*entity.records, key}

    return Ready(
        SUPPORT,
        {"entityId": entity.id, "system": "netsuite", "kind": "customer", "externalId": key.external_id},
        lambda: _state(hub, entity, key),
        lambda before: before,
        other={"externalId": "1"},
        also=also,
    )


async def _taken(hub: Live, ready: Ready) -> Ready:
    """The record belongs to the customer of an earlier project."""
    return ready.but(externalId=(await known_in_erp(hub)).keys[Domain.ERP].external_id)


async def _second(hub: Live, ready: Ready) -> Ready:
    """The entity has its ERP record already."""
    return ready.but(entityId=(await known_in_erp(hub)).id)


async def _project(hub: Live, ready: Ready) -> Ready:
    return ready.but(entityId=(await hub.find(Kind.PROJECT)).id)


async def _gone(hub: Live, ready: Ready) -> Ready:
    """An entity that nobody has."""
    return ready.but(entityId=CanonicalId("cus_01J8ZQ4T7M3N5P6R8S9V0W1X2Y"))


LINK = Case(
    "linkRecord",
    None,
    _link,
    (
        Refused("NOT_FOUND", "no such entity", _gone, "entityId"),
        Refused("NOT_FOUND", "no such system", given(system="sap"), "system"),
        Refused("NOT_FOUND", "no such kind", given(kind="spaceship"), "kind"),
        Refused("NOT_FOUND", "no such record", given(externalId="99999999"), "externalId"),
        Refused("INVALID_INPUT", "an empty system", given(system=" "), "system"),
        Refused("INVALID_INPUT", "a kind too long", given(kind="k" * 256), "kind"),
        Refused("INVALID_INPUT", "an empty id", given(externalId=""), "externalId"),
        Refused("WRONG_KIND", "a customer for a project", _project, "kind"),
        Refused("RECORD_TAKEN", "a record of another customer", _taken, "externalId"),
        Refused("ENTITY_HAS_RECORD", "a second record of the ERP", _second, "entityId"),
    ),
    versioned=False,
    disturbed=False,
)

CASES = (LINK,)
