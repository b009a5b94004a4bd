"""A NetSuite account on the wire: SuiteTalk REST (record/v1, query/v1/suiteql, async/v1), release 2026.1.

Written from the vendor's help pages and REST API Browser, for tests, demo and development. Served:

- `POST /services/rest/auth/oauth2/v1/token` (OAuth 2.0 client credentials; assertion PS256/384/512 or
  ES256/384/512, `aud` = the token address as the client wrote it, lifetime at most an hour), bearer
  tokens of 60 minutes; TBA (OAuth 1.0a, HMAC-SHA256) on every call: realm = account id in upper case
  with `_`, timestamp within 5 minutes, each nonce once.
- `POST /services/rest/query/v1/suiteql` over the tables below.
- `/services/rest/record/v1`: customer, job, subsidiary, vendor, salesOrder, invoice, creditMemo,
  customerPayment, purchaseOrder, timeBill to read and write; employee, currency, accountingPeriod to
  read; `metadata-catalog`. Asynchronous requests, batches (100) and idempotency keys; jobs finish at once.
- Over `concurrency_limit` simultaneous calls: 429 CONCURRENCY_LIMIT_EXCEEDED titled "Bad Request".

What SuiteQL shows (tables.py lists every column):

- Every value is a string, nulls are left out, keys are lower case, `links` is []. Unaliased
  expressions are `expr1`, `expr2` …, a second column of the same name gets `_0`. Bare dates take
  M/D/YYYY and lose their time. A query reaches 100,000 rows: `totalResults` is the full count, but an
  offset from 100,000 on is refused. `limit` 1..1000, `offset` a multiple of it.
- The account's time zone is UTC; `lastmodifieddate`, `linelastmodifieddate` have whole seconds.
- `subsidiary.externalid` is the legal entity's code; `customer` and `job` carry canonical ids in
  `externalid`; `job.parent` is the customer, `job.entitystatus` 1 Closed, 2 In Progress, 3 Not
  Awarded, 4 Pending, 5 Awarded (table `entitystatus`); `job.jobbillingtype` 1 Time and Materials,
  2 Fixed Bid Milestone, 3 Fixed Bid Interval, 4 Charge-Based. `currency.symbol` is the ISO code.
- `transaction.type`: SalesOrd, CustInvc, CustCred, CustPymt, PurchOrd. Header amounts in transaction
  currency: `foreigntotal` (negative for CustCred, positive for the others), `foreignamountpaid` and
  `foreignamountunpaid` (never negative). `status` CustInvc/CustCred: A open, B paid or applied, V
  voided (with `voided` = T; amounts and lines stay, nothing is unpaid). `postingperiod` leads to
  `accountingperiod` (periodname `Mar 2026`; quarters and years are rows too, `isposting` = F; a month
  closes on the 6th of the next one). `otherrefnum` of a sales order is the contract number.
- `transactionline`: `mainline` = T is the header's own line, `taxline` = T are taxes. Signs: on
  SalesOrd and CustInvc the main line is positive, item and tax lines (amounts and quantity) negative;
  CustCred and CustPymt: main line negative and positive respectively, credit lines positive; PurchOrd: main line
  negative, item lines positive. `foreignamount` is in transaction currency, `netamount` in the
  subsidiary's base currency (= foreignamount × transaction.exchangerate, two places). `id` is the
  line's number (the record API's `line`), `uniquekey` is account-wide. `nexttransactionlink` joins an
  invoice (`previousdoc`) to the payments and credit memos
  (`nextdoc`) applied to it.
- Sales order lines: `memo` = the contract line's name, `custcol_contract_line` = its canonical id or,
  without one, the Salesforce id of the Contract_Line__c; `custcol_revenue_method` = 1
  TIME_AND_MATERIALS, 2 PERCENT_COMPLETE, 3 POINT_IN_TIME, 4 RATABLE, 5 HOURS_DRAWDOWN, 6
  RIGHT_TO_INVOICE, 7 COST_TO_COST, 8 HOURS_TO_HOURS (BUILTIN.DF and refName show the word; writes
  take `{"id": …}` or `{"refName": …}`; the list itself is the table `customlist_revenue_method`);
  `rate` is per hour for T&M lines, else the price.
- Purchase order of a subcontractor (`vendor.isjobresourcevend` = T): one line, `rate` per hour,
  amount = the limit, `memo` = the role; `entity` = the vendor.
- `timebill`: decimal `hours` (the record API shows `2:30`), `customer` = the job, `employee` = an
  employee's or a vendor's id, `postingperiod`, `approvalstatus` 3 and `posted` T on the firm's
  actuals; `externalid` is the posting key (seed_time.actual_external_id).
- `revenueplan.custrecord_job` leads to the job, `createdfrom` to the sales order; rows of
  `revenueplanplannedrevenue` are in the job's currency: `plannedperiod` (empty where nothing was
  planned, as on T&M), `postingperiod` and `isrecognized` = T once posted.
- `deletedrecord`: recordid, recordtypeid and type (both the record type in lower case), name, deleteddate.

Choices where the vendor's pages are silent or unverified: SELECT DISTINCT, `*` and comma joins work;
ROWNUM works as an upper bound in WHERE; strings compare case-sensitively; dates compare with dates
only (TO_DATE with a format); `transaction.subsidiary` exists beside the line's; a header write does
not move line stamps, a line write moves the header's; unknown query parameters are refused; unknown
properties answered by a `Warning` header; a duplicate external id is INVALID_CONTENT on `externalId`;
a write into a closed period is refused; timeBill has `postingPeriod` on the record too (default: the
earliest open month from the work date on); deleting a record that others refer to is not refused.
Not served: transforms, attach/detach, Workbook datasets, `(+)` joins, window functions, record types
not listed.
"""

from __future__ import annotations

from sources.sandbox.core import Clock, VendorApp, utc_now
from sources.sandbox.credentials import NetSuiteCredentials
from sources.sandbox.firm.model import Firm
from sources.sandbox.netsuite.access import Access
from sources.sandbox.netsuite.books import Books
from sources.sandbox.netsuite.replies import concurrency_exceeded, unexpected_error
from sources.sandbox.netsuite.seed_books import fill_books
from sources.sandbox.netsuite.service import TOKEN_PATH, Service

PORT = 9121


def create_app(
    firm: Firm, credentials: NetSuiteCredentials, *, clock: Clock = utc_now, concurrency_limit: int = 15
) -> VendorApp:
    """An account filled from the firm; `concurrency_limit` is that of the Premium tier by default."""
    books = Books(clock)
    fill_books(books, firm)
    access = Access(credentials, clock)
    service = Service(books, access, limit=concurrency_limit)
    return VendorApp(
        vendor="netsuite",
        port=PORT,
        routes=[*service.routes()],
        token_paths=(TOKEN_PATH,),
        authorization=lambda: f"Bearer {access.issue_token()}",
        expire_tokens=access.expire_tokens,
        throttled=lambda retry_after_s: concurrency_exceeded(retry_after_s).response(),
        failed=lambda: unexpected_error().response(),
    )
