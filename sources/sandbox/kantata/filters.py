"""The filters that collections share; a value that cannot be read is a 400.

Choices where the vendor's documentation is silent: `updated_after` and its kin exclude the boundary;
date ranges `a:b` include both ends, and either end may be left empty.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from sources.sandbox.kantata.errors import bad_request
from sources.sandbox.kantata.identifiers import read_id, read_ids
from sources.sandbox.kantata.resource import Filter, Selection
from sources.sandbox.kantata.stamps import parse_day, parse_instant
from sources.sandbox.kantata.tables import sort_key
from sources.sandbox.kantata.tenant import Tenant

_TRUE = frozenset({"true", "1", "t", "yes"})


def words(text: str) -> list[str]:
    """The non-empty parts of a comma-separated list."""
    return [part for part in map(str.strip, text.split(",")) if part]


def is_true(text: str) -> bool:
    """Whether a query parameter says yes."""
    return text.strip().lower() in _TRUE


def days(text: str) -> tuple[date | None, date | None]:
    """Read a range `a:b` of dates; an empty end is open."""
    first, colon, last = text.partition(":")
    if not colon:
        raise bad_request(f"{text} is not a date range; write first:last")
    try:
        return (parse_day(first) if first else None, parse_day(last) if last else None)
    except ValueError as exc:
        raise bad_request(f"{text} is not a date range; write first:last") from exc


def stamps(collection: str) -> dict[str, Filter]:
    """The four filters by stamp that most collections have."""

    def side(column: str, *, after: bool) -> Filter:
        def apply(tenant: Tenant, text: str) -> Selection:
            try:
                # Rows have whole seconds: excluding the boundary means the next, or the previous, second.
                at = sort_key(parse_instant(text))
            except (ValueError, OverflowError) as exc:
                raise bad_request(f"{text} is not an ISO 8601 date and time") from exc
            table = tenant.table(collection)
            return Selection(keep=table.between(column, at + 1, None) if after else table.between(column, None, at - 1))

        return Filter(apply)

    return {
        "updated_after": side("updated_at", after=True),
        "updated_before": side("updated_at", after=False),
        "created_after": side("created_at", after=True),
        "created_before": side("created_at", after=False),
    }


def any_id(collection: str, column: str) -> Filter:
    """Rows whose indexed column is one of the listed ids."""

    def apply(tenant: Tenant, text: str) -> Selection:
        table = tenant.table(collection)
        return Selection(keep=set().union(*(table.where(column, number) for number in read_ids(text))))

    return Filter(apply)


def one_id(collection: str, column: str) -> Filter:
    """Rows whose indexed column is the one id given; a list is refused."""

    def apply(tenant: Tenant, text: str) -> Selection:
        row_id = read_id(text)
        if row_id is None:
            raise bad_request(f"{column} must be one id")
        return Selection(keep=tenant.table(collection).where(column, row_id))

    return Filter(apply)


def any_word(collection: str, column: str) -> Filter:
    """Rows whose indexed column is one of the listed words."""

    def apply(tenant: Tenant, text: str) -> Selection:
        table = tenant.table(collection)
        return Selection(keep=set().union(*(table.where(column, word) for word in words(text))))

    return Filter(apply)


def hidden_unless(find: Callable[[Tenant], set[int] | frozenset[int]], yields_to: str | None = None) -> Filter:
    """Hides the found rows unless the parameter is true, or `yields_to` is given instead."""

    def apply(tenant: Tenant, text: str) -> Selection:
        return Selection() if is_true(text) else Selection(drop=find(tenant))

    return Filter(apply, "false", yields_to)


def only_if(find: Callable[[Tenant], set[int] | frozenset[int]]) -> Filter:
    """True keeps the found rows; false leaves the list alone."""
    return Filter(lambda tenant, text: Selection(keep=find(tenant)) if is_true(text) else Selection())


def yes_no(find: Callable[[Tenant], set[int] | frozenset[int]]) -> Filter:
    """True keeps the found rows, false drops them."""

    def apply(tenant: Tenant, text: str) -> Selection:
        found = find(tenant)
        return Selection(keep=found) if is_true(text) else Selection(drop=found)

    return Filter(apply)


def present(find: Callable[[Tenant], set[int] | frozenset[int]]) -> Filter:
    """Keeps the found rows whenever the parameter is there: its value is ignored, as the vendor does."""
    return Filter(lambda tenant, _text: Selection(keep=find(tenant)))


def rows_that(collection: str, test: Callable[[Any], bool]) -> Callable[[Tenant], set[int]]:
    """The ids of the rows that pass the test."""
    return lambda tenant: {row.id for row in tenant.table(collection) if test(row)}


def date_range(collection: str, column: str) -> Filter:
    """Rows whose date lies in `a:b`, both ends included."""

    def apply(tenant: Tenant, text: str) -> Selection:
        first, last = days(text)
        low = 0 if first is None else sort_key(first)
        return Selection(keep=tenant.table(collection).between(column, low, None if last is None else sort_key(last)))

    return Filter(apply)


def _in_archived_workspaces(tenant: Tenant, text: str) -> Selection:
    archived = tenant.workspaces.where("archived", True)
    return Selection() if is_true(text) else Selection(drop_test=lambda row: row.workspace_id in archived)


# Hides what belongs to an archived workspace unless the parameter is true.
FROM_ARCHIVED_WORKSPACES = Filter(_in_archived_workspaces, default="false")


def by_reference(subject_type: str) -> dict[str, Filter]:
    """Look-up by foreign key: up to 200 refs, narrowed by service name and model where these are given."""

    def matching(column: str) -> Filter:
        def apply(tenant: Tenant, text: str) -> Selection:
            wanted = words(text)
            if len(wanted) > 200:
                raise bad_request("No more than 200 external ids may be given")
            table = tenant.external_references
            if column == "service_model":
                found = [row for row in table if row.service_model in wanted]
            else:
                found = [table.rows[i] for word in wanted for i in table.where(column, word)]
            return Selection(keep={row.subject_id for row in found if row.subject_type == subject_type})

        return Filter(apply)

    return {
        "external_reference_service_model_refs": matching("service_model_ref"),
        "external_reference_service_name": matching("service_name"),
        "external_reference_service_model": matching("service_model"),
    }
