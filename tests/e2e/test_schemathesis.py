"""Generated queries of every shape: the endpoint never breaks and never leaks, whatever is asked."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings

from tests.support.graph import Graph, small_firm, token

_GRAPH: Graph = small_firm().graph
_AUTHORIZATION = {"Authorization": f"Bearer {token()}"}
_SCHEMA = schemathesis.graphql.from_asgi("/graphql", _GRAPH.app, headers=_AUTHORIZATION)
_CALLERS_FAULTS = {"INVALID_INPUT", "FX_MISSING", "FORBIDDEN_FIELD", "GRAPHQL_VALIDATION_FAILED", "LIMIT_EXCEEDED"}


@_SCHEMA.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_query_is_answered(case: schemathesis.Case[Any]) -> None:
    """No 5xx; each error is of the caller's making and has its code."""
    response = case.call(headers=_AUTHORIZATION)
    assert response.status_code == 200, response.text
    codes = {error["extensions"]["code"] for error in response.json().get("errors", ())}
    assert codes <= _CALLERS_FAULTS, response.text
