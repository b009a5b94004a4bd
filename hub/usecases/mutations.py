"""All mutations that concern one owner, by their name in the graph."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hub.usecases import bookings, contracts, links, milestones, people, projects, time_entries
from hub.usecases.desk import Mutation

MUTATIONS: Mapping[str, Mutation] = MappingProxyType(
    {
        mutation.name: mutation
        for group in (projects, bookings, time_entries, milestones, people, contracts, links)
        for mutation in group.MUTATIONS
    }
)
