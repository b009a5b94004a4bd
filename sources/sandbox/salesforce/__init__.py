"""A stand-in for one Salesforce org, REST API v66.0 (Spring '26) with its neighbours v65.0 and v67.0.

Served: the OAuth 2.0 token endpoint (client credentials, JWT bearer), versions, resources, limits,
SOQL through `query` and `queryAll` with cursors, sObject rows by id and by external id, collections,
composite and batch, describe, updated and deleted. A multi-currency org; custom fields and objects are
those of the tenant's profile, and any other name is refused.

Facts relied on: errors are a list of `message` and `errorCode` (rows of collections: `statusCode`),
token errors are one object; the daily limit answers 403; ids have a 15- and an 18-character form;
instants are UTC with whole seconds; conditional headers compare LastModifiedDate, entity tags exist
for Account only, DELETE honours neither; collections read 2,000 and write 200 rows; composite holds 25
calls; the URI holds 16,384 bytes.

Choices where the documentation is silent or was not verified:
- API versions other than the three are 404. Sessions idle out after 2 hours, cursors after 2 days,
  and only the 500 youngest cursors are kept. Bodies are not compressed.
- The daily allowance is 100,000 calls and 1,000 for each active user, by whole hours.
- A cursor shows rows as they were when the query ran; their parents as they are when the page is read.
- FIELDS(ALL) and FIELDS(CUSTOM) need LIMIT of at most 200, composite allows five query or collections
  calls, nulls sort first in both directions, weeks begin on Sunday, SOQL's "today" is UTC.
- `fields` of row and collection reads takes no relationship paths.
- User and OpportunityStage have no IsDeleted and are neither created nor deleted, as in a real org.
- Stage, region, role, commercial model, statuses and currencies are restricted picklists; Industry,
  Type and LeadSource are not.
- The details (sold role, contract line, change order) are master-detail children: required parent,
  not moved to another parent, deleted with it. Account deletion takes opportunities and contracts along.
- Contract.EndDate is writable (the org does not derive it from ContractTerm); a contract is created as
  Draft or In Approval, activated by an update, and does not go back.
- Amount of an opportunity with products ignores what is sent and moves by the change of its products.
- Wrongly signed assertions are `invalid_grant`; error texts follow the vendor's where they are known.

Not served: SOSL, Bulk, Streaming and Pub/Sub, composite graph and tree, record types, undelete, merge,
duplicate rules, TYPEOF and polymorphic lookups.
"""

from __future__ import annotations

from sources.sandbox.salesforce.app import create_app

__all__ = ["create_app"]
