"""The objects that this tenant added: sold roles, contract lines and change orders."""

from __future__ import annotations

from sources.sandbox.firm.model import Model
from sources.sandbox.salesforce.field_kinds import (
    READ_ONLY,
    REQUIRED,
    build_object,
    canonical_id,
    currency_code,
    day,
    long_text,
    master,
    money,
    number,
    picklist,
    text,
)
from sources.sandbox.salesforce.fields import Field, ObjectType
from sources.sandbox.salesforce.standard_objects import Picklists

CHANGE_ORDER_STATUSES = ("Proposed", "Approved", "Rejected")


def custom_objects(offers: Picklists) -> list[ObjectType]:
    """The three custom objects, each a detail of the object before it in the deal's life."""
    return [_sold_role(offers), _contract_line(offers), _change_order(offers)]


def _number_name(label: str) -> Field:
    return text("Name", 80, label=label, auto_number=True, nillable=False, id_lookup=True, **READ_ONLY)


def _sold_role(offers: Picklists) -> ObjectType:
    return build_object(
        "Sold_Role__c",
        "Sold Role",
        "Sold Roles",
        "a00",
        [
            _number_name("Sold Role Number"),
            currency_code(offers.currencies),
            master("Opportunity__c", "Opportunity", "Sold_Roles__r"),
            picklist("Role__c", offers.roles, restricted=True, **REQUIRED),
            number("Hours__c"),
            money("Bill_Rate__c"),
            day("Start_Date__c"),
            day("End_Date__c"),
        ],
    )


def _contract_line(offers: Picklists) -> ObjectType:
    return build_object(
        "Contract_Line__c",
        "Contract Line",
        "Contract Lines",
        "a01",
        [
            text("Name", 80, label="Contract Line Name", id_lookup=True, **REQUIRED),
            currency_code(offers.currencies),
            master("Contract__c", "Contract", "Contract_Lines__r"),
            picklist("Model__c", tuple(each.value for each in Model), restricted=True, **REQUIRED),
            money("Price__c"),
            money("Cap__c"),
            day("Start_Date__c"),
            day("End_Date__c"),
            text("Billing_Terms__c", 255),
            canonical_id(),
        ],
    )


def _change_order(offers: Picklists) -> ObjectType:
    return build_object(
        "Change_Order__c",
        "Change Order",
        "Change Orders",
        "a02",
        [
            _number_name("Change Order Number"),
            currency_code(offers.currencies),
            master("Contract_Line__c", "Contract_Line__c", "Change_Orders__r"),
            picklist(
                "Status__c",
                CHANGE_ORDER_STATUSES,
                restricted=True,
                nillable=False,
                default=CHANGE_ORDER_STATUSES[0],
            ),
            long_text("Reason__c"),
            money("Price_Delta__c"),
            number("Hours_Delta__c"),
            day("Effective_Date__c"),
            canonical_id(),
        ],
    )
