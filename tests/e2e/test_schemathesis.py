"""Generated queries and mutations of every shape: the endpoint never breaks and never leaks, whatever is asked."""

from collections.abc import Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.graphql import nodes

from hub.domain.audit import AuditPage
from hub.domain.commands import Actor, CommandStatus, Outcome, Refusal
from hub.domain.ids import CanonicalId
from hub.domain.ownership import Role
from hub.ports import Entity
from tests.support.graph import Graph, small_firm, token


class Commands:
    """Commands that are all refused: what becomes of good ones is tested with systems behind them."""

    async def run(self, name: str, given: Mapping[str, Any], actor: Actor, correlation_id: str) -> Outcome:
        """See resolvers.request.Commands."""
        refusal = Refusal("NOT_ALLOWED", "BUSINESS_RULE", f"{name} is not carried out here", next(iter(given), None))
        return Outcome(CommandStatus.REJECTED, correlation_id, (refusal,))

    async def audit(
        self, actor: Actor, *, first: int, before_id: int | None, entity_id: CanonicalId | None
    ) -> AuditPage:
        """See resolvers.request.Commands."""
        return AuditPage((), has_next=False, total=0)

    async def entity(self, entity_id: CanonicalId) -> Entity | None:
        """See resolvers.request.Commands."""
        return None


schemathesis.graphql.scalar("Decimal", (st.from_regex(r"-?[0-9]{1,9}(\.[0-9]{1,4})?") | st.text()).map(nodes.String))
schemathesis.graphql.scalar("Period", (st.just("2026-03") | st.text()).map(nodes.String))
schemathesis.graphql.scalar("Currency", st.sampled_from(["EUR", "JPY", "XXX", ""]).map(nodes.String))
_GRAPH: Graph = small_firm(commands=Commands()).graph
_AUTHORIZATION = {"Authorization": f"Bearer {token(Role.FINANCE_OPS)}"}
_SCHEMA = schemathesis.graphql.from_asgi("/graphql", _GRAPH.app, headers=_AUTHORIZATION)
_CALLERS_FAULTS = {
    "FORBIDDEN_FIELD",
    "FX_MISSING",
    "GRAPHQL_VALIDATION_FAILED",
    "INVALID_INPUT",
    "LIMIT_EXCEEDED",
    "NOT_PERMITTED",
}


@_SCHEMA.parametrize()
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.parametrize("form", ["application/json", "application/graphql-response+json"])
def test_any_operation_is_answered(case: schemathesis.Case[Any], form: str) -> None:
    """No 5xx; each error is of the caller's making and has its code."""
    response = case.call(headers={**_AUTHORIZATION, "Accept": form})
    body = response.json()
    assert response.status_code == (200 if "data" in body or form == "application/json" else 400), response.text
    codes = {error["extensions"]["code"] for error in body.get("errors", ())}
    assert codes <= _CALLERS_FAULTS, response.text
