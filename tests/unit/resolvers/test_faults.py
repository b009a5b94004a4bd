"""Nulls with a reason become one error per system and code, at the place where they first show."""

from resolvers.faults import FORBIDDEN_FIELD, Fault, Lack, class_of, merged, place

DOWN = Lack("SOURCE_UNAVAILABLE", "psa-1")


def test_one_error_per_system_and_code() -> None:
    """However many fields are null, each silent system is told once, with its fields and their number."""
    data = {"z": [{"b": None, "a": None}, {"b": None, "a": 1}], "a": None}
    faults = [
        Fault(Lack("SCHEMA_DRIFT", "erp-1"), "Query.a", ("a",)),
        Fault(DOWN, "Thing.b", ("z", 1, "b")),
        Fault(DOWN, "Thing.a", ("z", 0, "a")),
        Fault(DOWN, "Thing.b", ("z", 0, "b")),
    ]
    first, second = merged(faults, data, "c-1")
    assert first.path == ("z", 0, "b")
    assert first.extensions == {
        "code": "SOURCE_UNAVAILABLE",
        "class": "PLATFORM_AVAILABILITY",
        "system": "psa-1",
        "fields": ["Thing.a", "Thing.b"],
        "count": 3,
        "correlationId": "c-1",
    }
    assert "psa-1" in first.message
    assert (second.path, second.extensions["class"]) == (("a",), "DATA_QUALITY")


def test_a_forbidden_field_names_no_system() -> None:
    """It is the caller's right that lacks, not a source."""
    (error,) = merged(
        [Fault(Lack(FORBIDDEN_FIELD, None), "Resource.costRate", ("r", "costRate"))], {"r": {"costRate": None}}, "c"
    )
    assert "system" not in error.extensions
    assert error.extensions["code"] == FORBIDDEN_FIELD


def test_places_follow_the_response_not_the_alphabet() -> None:
    """Keys count by their position; where a null cut the response off, the path counts as far as it goes."""
    data = {"b": {"x": None}, "a": [None, {"y": 1}]}
    assert place(data, ("b", "x")) < place(data, ("a", 0)) < place(data, ("a", 1, "y"))
    assert place(data, ("a", 0, "gone", 3)) == (1, 0)
    assert place(None, ("b",)) == ()


def test_unknown_faults_are_the_platforms() -> None:
    """A code that nobody listed is a matter of availability."""
    assert class_of("SOMETHING_NEW") == "PLATFORM_AVAILABILITY"
    assert class_of("AUTH_FAILED") == "AUTHENTICATION"
