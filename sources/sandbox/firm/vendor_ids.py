"""The ids that each vendor would have given to the firm's objects; pure, so that systems can name each other's rows.

Shapes: Salesforce 18 characters with checksum (vendor page, section 9), Kantata and NetSuite decimal
strings, Workday 32 lower-case hex digits. `n` is the object's number within its type.
"""

from __future__ import annotations

import hashlib

SALESFORCE_PREFIX = {
    "Account": "001",
    "Opportunity": "006",
    "OpportunityLineItem": "00k",
    "Product2": "01t",
    "PricebookEntry": "01u",
    "Contract": "800",
    "User": "005",
    "Sold_Role__c": "a00",
    "Contract_Line__c": "a01",
    "Change_Order__c": "a02",
}
KANTATA_BASE = {
    "workspace": 41000000,
    "workspace_group": 2100000,
    "story": 830000000,
    "milestone_story": 860000000,
    "billing_milestone": 5200000,
    "user": 13000000,
    "subcontractor_user": 13800000,
    "workspace_allocation": 7100000,
    "workspace_resource": 6100000,
    "participation": 52000000,
    "time_entry": 710000000,
    "timesheet_submission": 3100000,
    "expense": 22000000,
    "role": 91000,
    "custom_field": 3300,
    "custom_field_value": 450000000,
    "custom_field_choice": 88000,
    "external_reference": 9300000,
}
NETSUITE_BASE = {
    "subsidiary": 1,
    "customer": 1000,
    "job": 20000,
    "vendor": 60000,
    "employee": 70000,
    "salesorder": 200000,
    "invoice": 400000,
    "creditmemo": 700000,
    "customerpayment": 800000,
    "purchaseorder": 900000,
    "timebill": 2000000,
    "revenueplan": 30000,
    "revenueplanplannedrevenue": 3000000,
}
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def salesforce_checksum(id15: str) -> str:
    """The three characters that make a case-sensitive 15-character id case-safe."""
    groups = (id15[i : i + 5] for i in (0, 5, 10))
    return "".join(_CHECKSUM[sum(1 << i for i, c in enumerate(g) if "A" <= c <= "Z")] for g in groups)


def salesforce_id(object_name: str, n: int) -> str:
    """The 18-character id of the n-th row of a Salesforce object."""
    digits = ""
    rest = n
    for _ in range(9):
        rest, digit = divmod(rest, 62)
        digits = _BASE62[digit] + digits
    id15 = f"{SALESFORCE_PREFIX[object_name]}Qy0{digits}"
    return id15 + salesforce_checksum(id15)


def kantata_id(kind: str, n: int) -> str:
    """The decimal id of the n-th row of a Kantata kind (a key of KANTATA_BASE)."""
    return str(KANTATA_BASE[kind] + n)


def netsuite_id(kind: str, n: int) -> str:
    """The decimal internal id of the n-th row of a NetSuite record or table."""
    return str(NETSUITE_BASE[kind] + n)


def workday_wid(kind: str, key: str | int) -> str:
    """The 32-digit Workday id of an instance, from its kind (worker, company, location …) and its own key."""
    return hashlib.md5(f"{kind}:{key}".encode(), usedforsecurity=False).hexdigest()
