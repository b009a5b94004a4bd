"""Oracle NetSuite, SuiteTalk REST (record/v1, query/v1/suiteql), release 2026.1: what is posted, billed and recognized.

Documentation: NetSuite help "SuiteTalk REST Web Services" (Executing SuiteQL Queries, Error Handling and
Error Codes, Concurrency Governance, OAuth 2.0 Client Credentials Flow) and the SuiteAnalytics schema.
Sign-in: OAuth 2.0 machine to machine (ClientAssertion) or token-based OAuth 1.0a (OAuth1), in sources.auth.

Limits: 5 to 20 calls at once per account, shared with every other integration (429
CONCURRENCY_LIMIT_EXCEEDED, no Retry-After); 1,000 rows a page; 100,000 rows a query.

Quirks that this adapter knows: SuiteQL answers strings only, leaves nulls out, and does not promise the
case of its keys; dates appear in the account's own format and zone, so every one goes through TO_CHAR
and `time_zone` says the zone; item lines of a sale are negative in the ledger and positive on its credit
memo; whether a change of a line moves its header's stamp, or the other way round, is not promised, so
feeds of transactions look at both; the project is the `job`, and its plan hangs on a custom field.

Writing: a sales order line's revenue method (`update` of a contract line), by read, compare, write: the
vendor has no compare-and-set. List values are written by internal id, found by name in the custom list.

Quality: paging done (feeds by stamp and id, never by offset; aggregates by offset with the total
watched) · batching done (1,000 bound ids) · missing ids done (no row) · deletes done (`deletedrecord`;
sales order lines leave no trace there, so contract lines are probed) · equal stamps done · throttling done ·
expired token done · schema drift done (types and required columns; an absent column is refused by the
vendor with the field's name) · partial failure exempt (one query, one answer; a write sets one value) ·
lost answers done (read back) · clock skew exempt ·
purchase orders do not move their vendor's stamp: role and cost rate are read anew by every fetch, and the
daily full pass brings a changed role into the directory.
"""

from sources.netsuite.adapter import NetSuiteAdapter
from sources.netsuite.translate import DEFAULT_MAPPING

__all__ = ["DEFAULT_MAPPING", "NetSuiteAdapter"]
