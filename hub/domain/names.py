"""The graph's names of what the hub calls otherwise: rights and refusals are told in these."""

from __future__ import annotations

from hub.domain.kinds import Kind


def field_name(attribute: str) -> str:
    """The graph's name of an attribute, `start_date` as `startDate`; a name of the graph stays as it is."""
    first, *rest = attribute.split("_")
    return first + "".join(word.capitalize() for word in rest)


def type_name(kind: Kind) -> str:
    """The graph's name of a kind of entity, `time_entry` as `TimeEntry`."""
    return "".join(word.capitalize() for word in kind.split("_"))
