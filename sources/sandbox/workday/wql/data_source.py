"""What a data source is: a name to say after FROM, its fields, its rows, and the parameters it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sources.sandbox.firm.vendor_ids import workday_wid
from sources.sandbox.workday.tenant import Tenant
from sources.sandbox.workday.wql.columns import Column

EFFECTIVE_DATE = "effectiveAsOfDate"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a query is asked of: the tables, the day as of which, and the source's text parameters."""

    tenant: Tenant
    day: date
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DataSource:
    """One data source.

    `rows` gives all rows; `pick` only those whose field (one of `indexed`) has one of the given values.
    `required` names text parameters without which it cannot be queried; `dated` sources take an effective date.
    """

    alias: str
    label: str
    columns: Mapping[str, Column]
    rows: Callable[[Scope], Sequence[Any]]
    pick: Callable[[Scope, str, Sequence[str]], Sequence[Any]] | None = None
    indexed: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    dated: bool = False

    @property
    def wid(self) -> str:
        """The id of the data source itself."""
        return workday_wid("data_source", self.alias)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters that may stand in parentheses after its name."""
        return (*self.required, EFFECTIVE_DATE) if self.dated else self.required

    def body(self) -> dict[str, Any]:
        """The data source as the list of data sources describes it."""
        return {
            "id": self.wid,
            "alias": self.alias,
            "descriptor": self.label,
            "supportsEffectiveDate": self.dated,
            "supportsEntryMoment": False,
            "requiredParameters": [{"alias": name, "type": "Text"} for name in self.required],
        }
