"""How the schema's types are declared: a field says what it is, the table GRAPH says where its value comes from.

No field here has a resolver: `schema.attach` gives every field the same one, which looks it up in the
table. So a declaration is a type, a description, and arguments.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField

from hub.domain.names import field_name
from schema.ownership import owner_directives, with_owners
from schema.scalars import Date

T = TypeVar("T")


def told(description: str, *arguments: StrawberryArgument) -> Any:
    """A field with its description and arguments."""
    field: StrawberryField = strawberry.field(description=description)
    if arguments:
        field.arguments = list(arguments)
    return field


def optional(description: str, default: Any = strawberry.UNSET) -> Any:
    """A field of an input that may be left out."""
    return strawberry.field(description=description, default=default)


def argument(name: str, kind: Any, description: str, default: Any = strawberry.UNSET) -> StrawberryArgument:
    """An argument of a field, by its name in the graph."""
    return StrawberryArgument(
        python_name=name.replace("from", "from_"),
        graphql_name=name,
        type_annotation=StrawberryAnnotation(kind),
        description=description,
        default=default,
    )


def entity(cls: type[T]) -> type[T]:
    """Make an object type of the graph that other subgraphs may refer to by its id; its docstring describes it.

    Its fields print their systems of record.
    """
    made = strawberry.type(
        cls, description=described(cls), directives=[Key(fields=FieldSet("id"), resolvable=strawberry.UNSET)]
    )
    for field in get_object_definition(made, strict=True).fields:
        name = field_name(field.python_name)
        field.directives = [*field.directives, *owner_directives(cls.__name__, name)]
        field.description = with_owners(field.description, cls.__name__, name)
    return made


def value(cls: type[T]) -> type[T]:
    """Make a plain object type; its docstring describes it."""
    return strawberry.type(cls, description=described(cls))


def interface(cls: type[T]) -> type[T]:
    """Make an interface; its docstring describes it."""
    return strawberry.interface(cls, description=described(cls))


def input_type(cls: type[T]) -> type[T]:
    """Make an input; its docstring describes it."""
    return strawberry.input(cls, description=described(cls))


def described(cls: type) -> str:
    """The class's docstring as a description: paragraphs stay, lines join."""
    paragraphs = (cls.__doc__ or "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


# -- arguments of many fields -----------------------------------------------------------------------

AFTER = argument("after", str | None, "Give what comes after this cursor of an earlier page.")
SEARCH_DESCRIPTION = "Text that the name, the code or the number contains; upper and lower case are the same."
FROM_DAY = argument("from", Date | None, "First day, included.")
TO_DAY = argument("to", Date | None, "Last day, not included.")


def first(default: int) -> StrawberryArgument:
    """The size of a page."""
    return argument("first", int | None, "How many to give at most, 0 to 200.", default)


# -- pages ------------------------------------------------------------------------------------------


@value
class Edge(Generic[T]):
    """One entity of a page, with its place in the list."""

    cursor: str = told("The place in the list: pass it as `after` (or `before`) to go on from here.")
    node: T = told("The entity.")


@value
class PageInfo:
    """Where a page stands in its list."""

    has_next_page: bool = told("Whether there are more after this page.")
    has_previous_page: bool = told("Whether there are some before this page.")
    start_cursor: str | None = told("Cursor of the first one; null on an empty page.")
    end_cursor: str | None = told("Cursor of the last one; null on an empty page.")


@value
class Connection(Generic[T]):
    """A page of a list; the list's order and filters hold over all pages."""

    edges: list[Edge[T]] = told("The entities of the page with their cursors.")
    nodes: list[T] = told("The entities of the page.")
    page_info: PageInfo = told("Where the page stands in the list.")
    total_count: int = told("How many there are on all pages together.")
