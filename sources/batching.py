"""Many ids over few calls."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def batches(items: Iterable[T], size: int) -> list[list[T]]:
    """The distinct items in their order, in lists of at most `size`."""
    distinct = list(dict.fromkeys(items))
    return [distinct[i : i + size] for i in range(0, len(distinct), size)]
