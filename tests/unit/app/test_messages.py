"""Forms and freshness of an answer, as the request's headers ask."""

import pytest

from hub.app.messages import GRAPHQL_JSON, JSON, Refused, max_age, media_type, wants_page


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        ("application/graphql-response+json", GRAPHQL_JSON),
        ("application/graphql-response+json, application/json;q=0.9", GRAPHQL_JSON),
        ("application/graphql-response+json;q=0.5, application/json", JSON),
        ("text/html, application/json;charset=utf-8", JSON),
    ],
)
def test_the_preferred_form_wins(accept: str | None, form: str) -> None:
    """Weights decide, then order; nothing said means plain JSON."""
    assert media_type(accept) == form


@pytest.mark.parametrize("accept", ["text/plain", "application/json;q=0", "image/*"])
def test_a_form_that_is_not_ours_is_refused(accept: str) -> None:
    """With 406."""
    with pytest.raises(Refused) as refused:
        media_type(accept)
    assert refused.value.status == 406


def test_browsers_get_the_page() -> None:
    """A tool that takes HTML too, but prefers JSON, does not."""
    assert wants_page("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
    assert not wants_page("application/json, text/html;q=0.5")
    assert not wants_page("*/*")
    assert not wants_page(None)


@pytest.mark.parametrize(
    ("header", "age"),
    [(None, None), ("", None), ("max-age=0", 0), ("no-cache", 0), ("private, Max-Age=60", 60), ("max-age=x", None)],
)
def test_freshness_is_asked_by_cache_control(header: str | None, age: float | None) -> None:
    """Anything else leaves the cache's own policy."""
    assert max_age(header) == age
