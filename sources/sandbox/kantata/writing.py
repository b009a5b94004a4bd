"""Create, update and delete: root keys, permitted attributes, bulk, and who carries it out.

Choices where the documentation is silent: an attribute that cannot be written is a 422 naming it; a
body without its root key is 400; a bulk request is all or nothing, every failing item listed by index.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sources.sandbox.kantata.attributes import Attributes
from sources.sandbox.kantata.errors import Refusal, at_index, bad_request, not_found
from sources.sandbox.kantata.resource import Resource
from sources.sandbox.kantata.tenant import Tenant


def create(tenant: Tenant, resource: Resource, body: dict[str, Any]) -> list[int]:
    """Create one record, or many under the plural root key; answers their ids in order."""
    if resource.writes.prepare_create is None:
        raise not_found()
    single = body.get(resource.singular)
    many = body.get(resource.collection)
    if isinstance(single, dict):
        return [_prepared(tenant, resource, Attributes(single))().id]
    if isinstance(many, list) and resource.writes.bulk > 1:
        return _create_many(tenant, resource, many)
    raise bad_request(f"param is missing or the value is empty: {resource.singular}")


def update(tenant: Tenant, resource: Resource, row: Any, body: dict[str, Any]) -> None:
    """Change the attributes that the body names."""
    if resource.writes.prepare_update is None:
        raise not_found()
    attrs = Attributes(root(resource, body))
    attrs.permit(resource.writes.update_fields)
    attrs.settle()
    resource.writes.prepare_update(tenant, row, attrs)()


def root(resource: Resource, body: dict[str, Any]) -> dict[str, Any]:
    """The object under the singular root key; 400 without one."""
    found = body.get(resource.singular)
    if not isinstance(found, dict):
        raise bad_request(f"param is missing or the value is empty: {resource.singular}")
    return found


def _prepared(tenant: Tenant, resource: Resource, attrs: Attributes) -> Callable[[], Any]:
    prepare = resource.writes.prepare_create
    if prepare is None:
        raise not_found()
    attrs.permit(resource.writes.create_fields)
    attrs.settle()
    return prepare(tenant, attrs)


def _create_many(tenant: Tenant, resource: Resource, items: list[Any]) -> list[int]:
    if len(items) > resource.writes.bulk:
        raise bad_request(f"No more than {resource.writes.bulk} {resource.collection} can be created at once")
    if not items or not all(isinstance(item, dict) for item in items):
        raise bad_request(f"param is missing or the value is empty: {resource.collection}")
    errors: list[dict[str, Any]] = []
    deeds: list[Callable[[], Any]] = []
    earlier: tuple[Attributes, ...] = ()
    for index, item in enumerate(items):
        attrs = Attributes(item, earlier)
        earlier = (*earlier, attrs)
        try:
            deeds.append(_prepared(tenant, resource, attrs))
        except Refusal as refusal:
            errors += at_index(refusal, index)
    if errors:
        raise Refusal(422, errors)
    return [deed().id for deed in deeds]
