"""Which batches are looked through for projects: those with a kind by which the statement finds one."""

from __future__ import annotations

import re

from hub.domain.kinds import Kind
from hub.store.directory_writer import AFFECTED_PROJECTS, OF_CONSEQUENCE_TO_PROJECTS


def test_the_kinds_are_those_of_the_statement() -> None:
    """A kind that the statement asks for and the list leaves out would never be looked at."""
    asked = set(re.findall(r":(\w+)", AFFECTED_PROJECTS)) - {"fresh"}
    assert {Kind(name) for name in asked} == OF_CONSEQUENCE_TO_PROJECTS | {Kind.PROJECT}
