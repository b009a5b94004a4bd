"""What the graph reads from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.domain.pseudonyms import Pseudonyms
from hub.domain.roles import RoleMap
from hub.ports import DirectoryReader, DirectoryWriter, RecordReader, SourceMonitor, SystemCard


@dataclass(frozen=True, slots=True)
class Reads:
    """The sources of every answer, one for the life of the process; `systems` by key of the estate."""

    directory: DirectoryReader
    writer: DirectoryWriter
    records: RecordReader
    systems: Mapping[str, SystemCard]
    monitor: SourceMonitor
    roles: RoleMap
    pseudonyms: Pseudonyms = field(default_factory=Pseudonyms)
