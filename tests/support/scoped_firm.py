"""The small firm of commands with what row scope needs: practices, a company, and a second deal under them."""

from __future__ import annotations

from datetime import date

from hub.domain.kinds import Domain, Kind
from hub.domain.money import Money
from hub.domain.records import Key, Ref, Value
from hub.estate import PracticeConfig, Reference
from hub.feeds.reference import REFERENCE, load_reference
from tests.support.commands import SYSTEMS, Firm

PRACTICES = (PracticeConfig(code="DATA", name="Data"), PracticeConfig(code="CLOUD", name="Cloud"))
UK_CLOUD = {"practices": ("CLOUD",), "legal_entities": ("UK01",)}
UK_DATA = {"practices": ("DATA",), "legal_entities": ("UK01",)}
NOWHERE = {"practices": ("NOPE",), "legal_entities": ("NOPE",)}
"""Grants of tokens: where the second deal is, the same company without it, and nothing that there is."""


class ScopedFirm(Firm):
    """The firm with a second deal, of UK01 and practice CLOUD: `uk contract`, `uk line`, `uk project`.

    The first deal belongs to no practice and no company.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url, domains={**SYSTEMS, REFERENCE: Domain.HUB})

    async def open(self) -> None:
        """Fill everything."""
        await super().open()
        await load_reference(self.engine, self.writer, Reference(practices=PRACTICES))
        company: dict[str, Value] = {"code": "UK01", "name": "Firm Ltd", "country": "GB", "currency": "GBP"}
        await self.put("UK01", "erp", Kind.LEGAL_ENTITY, "1", company, (Key("code", "UK01"),))
        contract: dict[str, Value] = {
            "number": "C-2",
            "status": "ACTIVE",
            "value": Money(5_000_00, "GBP"),
            "legal_entity": Ref(Kind.LEGAL_ENTITY, "UK01", "code"),
        }
        await self.put("uk contract", "crm", Kind.CONTRACT, "con-2", contract)
        line: dict[str, Value] = {"contract": Ref(Kind.CONTRACT, "con-2"), "name": "Cloud", "model": "FIXED_FEE"}
        line_id = await self.put("uk line", "crm", Kind.CONTRACT_LINE, "line-2", line)
        method: dict[str, Value] = {"revenue_method": "POINT"}
        await self.put("uk line", "erp", Kind.CONTRACT_LINE, "6:1", method, (Key("canonical", line_id),))
        project: dict[str, Value] = {
            "code": "P-2",
            "name": "Cirrus",
            "delivery_status": "ACTIVE",
            "archived": False,
            "start_date": date(2026, 6, 1),
            "practice": Ref(Kind.PRACTICE, "CLOUD", "code"),
            "contract": Ref(Kind.CONTRACT, "con-2", "id:CRM"),
        }
        await self.put("uk project", "psa", Kind.PROJECT, "2", project)
        task: dict[str, Value] = {"project": Ref(Kind.PROJECT, "2"), "name": "Migrate", "done": False}
        await self.put("uk task", "psa", Kind.TASK, "51", task)
        self.directory.heard(" ".join(self.ids.values()))
