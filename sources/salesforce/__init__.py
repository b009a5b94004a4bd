"""Salesforce core CRM platform, REST API v66.0 (Spring '26): customers, opportunities, contracts and their terms.

Documentation: Salesforce REST API Developer Guide (sObject Collections, Query, Status Codes and Error
Responses) and SOQL Reference. Sign-in: OAuth 2.0 client credentials or JWT bearer, both in sources.auth;
tokens carry no lifetime, so a 401 is what renews them, and calls go to the token's `instance_url`.

Limits: an edition-dependent number of calls in a rolling 24 hours (told as 403 REQUEST_LIMIT_EXCEEDED,
not 429), 25 long-running calls at once, 2,000 ids per collections read, 16 KB of URL and headers.

Quirks that this adapter knows: ids are made 18 characters long before use as keys; instants come with
`+0000`; `CurrencyIsoCode` exists in multi-currency orgs only (`org_currency` serves the others); a row's
stamp has whole seconds, and a change of a sold role does not move the opportunity's stamp, so sold roles
and packages are read anew by every fetch that asks for them and are never part of a feed; a write's
answer names the row and nothing else, so what automation made of it shows on the next read.

Writing: change orders are proposed (`create`), by upsert on their canonical id; all else is the CRM's own.

Quality: paging done (server cursors) · batching done (2,000 ids; children 400 parents a query) · missing
ids done (positional nulls) · deletes done (queryAll, IsDeleted) · equal stamps done (>= and overlap) ·
throttling done · expired token done · schema drift done (an absent field is drift, a null is a value) ·
partial failure exempt (reads are all or nothing per call, a write is one row) · lost answers done (found
by canonical id) · clock skew exempt (only the vendor's stamps are compared) · a contract's status follows
the calendar: the daily full pass sees what no stamp tells.
"""

from sources.salesforce.adapter import API_VERSION, SalesforceAdapter
from sources.salesforce.translate import DEFAULT_MAPPING

__all__ = ["API_VERSION", "DEFAULT_MAPPING", "SalesforceAdapter"]
