"""Kantata OX (formerly Mavenlink), the PSA.

API v1 at `https://api.mavenlink.com/api/v1` (the only version there is), described by the vendor's
OpenAPI document and its own Ruby client; facts read 2026-11. Bearer token of an account administrator;
tokens do not expire until revoked and there is no refresh, so a 401 is for a person. 429 comes without a
documented Retry-After; `/workspaces` and `/custom_field_values` have limits of their own, their numbers
are not published.

Quirks that this adapter works around:
- Every answer is an envelope: `results` is the only ordered list; the typed maps mix main and
  side-loaded rows.
- `only=` switches paging off, and unknown or hidden ids are silently absent; the filters that show
  archived rows must be sent along. A long `only=` is split by the length of the request line.
- Stamps have whole seconds, and nobody documents whether `updated_after` includes its bound: feeds ask
  from one second earlier.
- Unset dates are "" on workspaces and null on stories. Ids are texts, in a few plain columns numbers.
- Custom fields are side-loaded as values that name their definition by id; the definitions are read once
  an hour, and a mapped name that no definition carries is a configuration error.
- Users have no change stamp and workspace groups do not show theirs: both are read completely each time.
- Time entries, expenses and bookings are deleted without a trace (probe); stories leave a tombstone;
  archived workspaces are not deleted.

- Writes have neither compare-and-set nor idempotency: marks are left as external references, see
  sources.kantata.writes. Successful creates answer 200; some columns are written under other names than read.

Checklist: paging — done (overlapping windows, sources.paging); batching — done (by request line);
throttling — the transport's; partial failure — a call fails as a whole; clock skew — exempt: no bound is
taken from our clock; tombstones — stories; schema drift — every column that is read must be there.
"""

from sources.kantata.adapter import KantataAdapter, classify
from sources.kantata.translate import DEFAULT_MAPPING

__all__ = ["DEFAULT_MAPPING", "KantataAdapter", "classify"]
