"""Instance references: how the Workday tenant names an instance in a body, a path or a query.

Output gives the WID and the display text. Input may also name a reference id, `TYPE=value`, such as
`Employee_ID=10021`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from sources.sandbox.firm.vendor_ids import workday_wid

WID = re.compile(r"[0-9a-f]{32}")
INSTANCE_ID = re.compile(r"[0-9a-f]{32}|[0-9]+\$[0-9]+|\S+=\S+")


@dataclass(frozen=True, slots=True)
class Ref:
    """One instance: its WID, its display text, and its reference id in the form `TYPE=value`."""

    wid: str
    descriptor: str
    reference: str

    def body(self) -> dict[str, str]:
        """The instance as a JSON value."""
        return {"id": self.wid, "descriptor": self.descriptor}

    def named(self, given: str) -> bool:
        """Whether `given`, a WID or a reference id, names this instance."""
        return given in (self.wid, self.reference)


def reference_value(text: str) -> str:
    """The value part of a reference id, which holds no spaces: the text with underscores in their place."""
    return "_".join(text.split())


@cache
def ref(kind: str, key: str, descriptor: str | None = None) -> Ref:
    """The instance of a kind (worker_status, location …) with this key; the key is its text unless given."""
    type_name = "_".join(part.capitalize() for part in kind.split("_")) + "_ID"
    return Ref(workday_wid(kind, key), descriptor or key, f"{type_name}={reference_value(key)}")
