"""Identity hints that several vendors carry in the same form (domain.md 2.1)."""

from __future__ import annotations

from hub.domain.ids import MalformedId, parse_id
from hub.domain.records import BY_CANONICAL, Key


def canonical_key(text: str | None) -> tuple[Key, ...]:
    """The key of a canonical id that a system carries for us; a text of any other form is no key."""
    if text is None:
        return ()
    try:
        return (Key(BY_CANONICAL, parse_id(text)),)
    except MalformedId:
        return ()


def tax_registration_key(text: str | None) -> tuple[Key, ...]:
    """The key of a customer's tax registration, the same however it is spaced and cased."""
    value = "".join(text.split()).casefold() if text else ""
    return (Key("tax_registration", value),) if value else ()
