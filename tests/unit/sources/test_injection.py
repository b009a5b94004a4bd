"""Texts from outside stay texts in every vendor's query language."""

from __future__ import annotations

import re

import pytest

from hub.errors import SourceShapeBroken
from sources.salesforce.wire import text_literal
from sources.workday.lists import quoted

POISON = ["' OR Id != '", "\\' OR Id != \\'", "\\", "'", "a'b\"c", "\n' --", "%' LIKE '", "\\\\'"]


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
def test_soql_literals_end_where_the_text_ends(poison: str) -> None:
    """Read back as SOQL reads it, the literal is one literal."""
    literal = text_literal(poison)
    inside = re.fullmatch(r"'((?:[^'\\]|\\.)*)'", literal, re.DOTALL)
    assert inside is not None


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
def test_wql_takes_no_text_that_would_need_escaping(poison: str) -> None:
    """How WQL escapes is documented nowhere, so nothing that needs it goes there."""
    with pytest.raises(SourceShapeBroken):
        quoted(poison, "workday")
