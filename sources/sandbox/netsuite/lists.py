"""The tenant's select lists: internal id (as text) and label of every value, by list name.

SuiteQL shows the bare id, `BUILTIN.DF` and the record API's `refName` the label. Which number means
what is account data with NetSuite; these are this tenant's numbers, named in the package docstring.
"""

from __future__ import annotations

REVENUE_METHODS = {
    "1": "TIME_AND_MATERIALS",
    "2": "PERCENT_COMPLETE",
    "3": "POINT_IN_TIME",
    "4": "RATABLE",
    "5": "HOURS_DRAWDOWN",
    "6": "RIGHT_TO_INVOICE",
    "7": "COST_TO_COST",
    "8": "HOURS_TO_HOURS",
}
JOB_STATUSES = {1: "Closed", 2: "In Progress", 3: "Not Awarded", 4: "Pending", 5: "Awarded"}
JOB_CLOSED, JOB_IN_PROGRESS = 1, 2
SERVICE_ITEM = "1"

LISTS: dict[str, dict[str, str]] = {
    "revenuemethod": REVENUE_METHODS,
    "jobbillingtype": {
        "1": "Time and Materials",
        "2": "Fixed Bid, Milestone",
        "3": "Fixed Bid, Interval",
        "4": "Charge-Based",
    },
    "terms": {"1": "Net 30", "2": "Net 45", "3": "Net 60"},
    "item": {SERVICE_ITEM: "Professional Services"},
    "transactionstatus": {
        "CustInvc:A": "Invoice : Open",
        "CustInvc:B": "Invoice : Paid In Full",
        "CustInvc:V": "Invoice : Voided",
        "CustCred:A": "Credit Memo : Open",
        "CustCred:B": "Credit Memo : Fully Applied",
        "CustCred:V": "Credit Memo : Voided",
        "CustPymt:C": "Payment : Deposited",
        "SalesOrd:B": "Sales Order : Pending Fulfillment",
        "SalesOrd:F": "Sales Order : Pending Billing",
        "SalesOrd:H": "Sales Order : Closed",
        "PurchOrd:B": "Purchase Order : Pending Receipt",
        "PurchOrd:H": "Purchase Order : Closed",
    },
    "approvalstatus": {"1": "Pending Approval", "2": "Approved", "3": "Rejected"},
    "timeapproval": {"1": "Open", "2": "Pending Approval", "3": "Approved", "4": "Rejected"},
    "timetype": {"A": "Actual Time", "P": "Planned Time", "B": "Allocated Time"},
    "revenueplantype": {"ACTUAL": "Actual", "FORECAST": "Forecast"},
    "revenueplanstatus": {"NOTSTARTED": "Not Started", "INPROGRESS": "In Progress", "COMPLETED": "Completed"},
    "plannedrevenuetype": {"PLANNED": "Planned", "ACTUAL": "Actual"},
}


def id_of_label(list_name: str, label: str) -> str | None:
    """The id of a list's value by its label, None where the list has no such value."""
    return next((key for key, name in LISTS[list_name].items() if name == label), None)


def id_of_revenue_method(method: str | None) -> str | None:
    """The list id of a revenue method; a method that the list lacks is a mistake of the data."""
    if method is None:
        return None
    found = id_of_label("revenuemethod", method)
    if found is None:
        raise ValueError(f"the tenant's list of revenue methods has no {method}")
    return found


# How a firm may spell a billing type: the label, the record API's enumeration, or its short form.
_BILLING_TYPES = {
    "TM": "1",
    "TIME_AND_MATERIALS": "1",
    "FBM": "2",
    "FIXED_BID_MILESTONE": "2",
    "FBI": "3",
    "FIXED_BID_INTERVAL": "3",
    "CB": "4",
    "CHARGE_BASED": "4",
}


def id_of_billing_type(billing_type: str) -> str | None:
    """The list id of a job billing type, by label or code; None for an empty one."""
    if not billing_type:
        return None
    found = id_of_label("jobbillingtype", billing_type) or _BILLING_TYPES.get(billing_type.upper())
    if found is None:
        raise ValueError(f"the tenant's list of job billing types has no {billing_type}")
    return found
