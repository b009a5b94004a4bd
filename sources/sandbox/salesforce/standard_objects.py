"""The standard objects of the tenant, with the fields that the tenant's profile adds to them.

Field names are those of the standard objects; objects and fields that no part of the firm touches
(cases, campaigns, geocodes …) are left out, so naming one is refused as in an org that hides them.
"""

from __future__ import annotations

from dataclasses import dataclass

from sources.sandbox.salesforce.field_kinds import (
    READ_ONLY,
    REQUIRED,
    build_object,
    canonical_id,
    checkbox,
    currency_code,
    day,
    instant,
    integer,
    long_text,
    money,
    number,
    percent,
    picklist,
    reference,
    text,
)
from sources.sandbox.salesforce.fields import Field, ObjectType

CONTRACT_STATUSES = {"Draft": "Draft", "In Approval": "InApproval", "Activated": "Activated"}
"""Contract.Status to Contract.StatusCode."""


@dataclass(frozen=True, slots=True)
class Picklists:
    """The values that this tenant's picklists offer; the first currency is the corporate one."""

    currencies: tuple[str, ...]
    regions: tuple[str, ...]
    industries: tuple[str, ...]
    stages: tuple[str, ...]
    roles: tuple[str, ...]


def standard_objects(offers: Picklists) -> list[ObjectType]:
    """Account, Opportunity and its products, Contract, User and the stage table."""
    return [
        _account(offers),
        _opportunity(offers),
        _line_item(offers),
        _product(offers),
        _pricebook(),
        _pricebook_entry(offers),
        _contract(offers),
        _user(offers),
        _stage(),
    ]


def _address(prefix: str) -> list[Field]:
    return [
        text(f"{prefix}Street", 255),
        text(f"{prefix}City", 40),
        text(f"{prefix}State", 80),
        text(f"{prefix}PostalCode", 20),
        text(f"{prefix}Country", 80),
    ]


def _account(offers: Picklists) -> ObjectType:
    return build_object(
        "Account",
        "Account",
        "Accounts",
        "001",
        [
            reference("MasterRecordId", "Account", **READ_ONLY),
            text("Name", label="Account Name", **REQUIRED),
            picklist("Type", ("Prospect", "Customer - Direct", "Customer - Channel", "Other")),
            reference("ParentId", "Account", "ChildAccounts"),
            *_address("Billing"),
            *_address("Shipping"),
            Field("Phone", "phone", "Phone", length=40),
            Field("Website", "url", "Website", length=255),
            picklist("Industry", offers.industries),
            money("AnnualRevenue"),
            integer("NumberOfEmployees"),
            long_text("Description"),
            text("AccountNumber", 40),
            currency_code(offers.currencies),
            reference("OwnerId", "User", nillable=False, default=""),
            picklist("Region__c", offers.regions, restricted=True),
            text("Tax_Registration__c", 40),
            canonical_id(),
        ],
    )


def _opportunity(offers: Picklists) -> ObjectType:
    return build_object(
        "Opportunity",
        "Opportunity",
        "Opportunities",
        "006",
        [
            reference("AccountId", "Account", "Opportunities", cascade=True),
            text("Name", 120, **REQUIRED),
            long_text("Description"),
            picklist("StageName", offers.stages, restricted=True, label="Stage", **REQUIRED),
            money("Amount"),
            percent("Probability"),
            money("ExpectedRevenue", calculated=True, **READ_ONLY),
            day("CloseDate", **REQUIRED),
            picklist("Type", ("Existing Business", "New Business")),
            text("NextStep", 255),
            picklist("LeadSource", ("Web", "Phone Inquiry", "Partner Referral", "Other")),
            checkbox("IsClosed", **READ_ONLY),
            checkbox("IsWon", **READ_ONLY),
            picklist("ForecastCategory", ("Omitted", "Pipeline", "BestCase", "Forecast", "Closed"), **READ_ONLY),
            picklist("ForecastCategoryName", ("Omitted", "Pipeline", "Best Case", "Commit", "Closed")),
            currency_code(offers.currencies),
            checkbox("HasOpportunityLineItem", **READ_ONLY),
            reference("Pricebook2Id", "Pricebook2"),
            reference("OwnerId", "User", nillable=False, default=""),
            instant("LastStageChangeDate", **READ_ONLY),
            day("Start_Date__c"),
            picklist("Region__c", offers.regions, restricted=True),
            canonical_id(),
        ],
    )


def _line_item(offers: Picklists) -> ObjectType:
    return build_object(
        "OpportunityLineItem",
        "Opportunity Product",
        "Opportunity Products",
        "00k",
        [
            reference(
                "OpportunityId", "Opportunity", "OpportunityLineItems", nillable=False, updateable=False, cascade=True
            ),
            integer("SortOrder"),
            reference("PricebookEntryId", "PricebookEntry", "OpportunityLineItems", updateable=False),
            reference("Product2Id", "Product2", updateable=False),
            text("ProductCode", **READ_ONLY),
            text("Name", 376, label="Opportunity Product Name", **READ_ONLY),
            currency_code(offers.currencies, **READ_ONLY),
            number("Quantity", 12, 2, **REQUIRED),
            percent("Discount"),
            money("TotalPrice"),
            money("UnitPrice"),
            money("ListPrice", **READ_ONLY),
            day("ServiceDate"),
            text("Description", 255),
        ],
    )


def _product(offers: Picklists) -> ObjectType:
    return build_object(
        "Product2",
        "Product",
        "Products",
        "01t",
        [
            text("Name", label="Product Name", **REQUIRED),
            text("ProductCode", 255),
            long_text("Description", 4000),
            checkbox("IsActive"),
            picklist("Family", ("Services", "Packages", "None")),
            currency_code(offers.currencies),
        ],
    )


def _pricebook() -> ObjectType:
    fields = [text("Name", **REQUIRED), checkbox("IsActive"), text("Description"), checkbox("IsStandard", **READ_ONLY)]
    return build_object("Pricebook2", "Price Book", "Price Books", "01s", fields, createable=False, deletable=False)


def _pricebook_entry(offers: Picklists) -> ObjectType:
    return build_object(
        "PricebookEntry",
        "Price Book Entry",
        "Price Book Entries",
        "01u",
        [
            text("Name", **READ_ONLY),
            reference("Pricebook2Id", "Pricebook2", "PricebookEntries", nillable=False, updateable=False),
            reference("Product2Id", "Product2", "PricebookEntries", nillable=False, updateable=False, cascade=True),
            money("UnitPrice", **REQUIRED),
            currency_code(offers.currencies, updateable=False),
            checkbox("IsActive"),
            text("ProductCode", **READ_ONLY),
        ],
    )


def _contract(offers: Picklists) -> ObjectType:
    return build_object(
        "Contract",
        "Contract",
        "Contracts",
        "800",
        [
            reference("AccountId", "Account", "Contracts", nillable=False, cascade=True),
            text("ContractNumber", 30, auto_number=True, nillable=False, **READ_ONLY),
            picklist("Status", tuple(CONTRACT_STATUSES), restricted=True, nillable=False, default="Draft"),
            picklist("StatusCode", tuple(CONTRACT_STATUSES.values()), **READ_ONLY),
            day("StartDate", label="Contract Start Date"),
            day("EndDate", label="Contract End Date"),
            integer("ContractTerm"),
            day("CompanySignedDate"),
            day("CustomerSignedDate"),
            text("CustomerSignedTitle", 40),
            instant("ActivatedDate", **READ_ONLY),
            reference("ActivatedById", "User", **READ_ONLY),
            *_address("Billing"),
            long_text("SpecialTerms", 4000),
            long_text("Description"),
            currency_code(offers.currencies),
            reference("OwnerId", "User", nillable=False, default=""),
            reference("Opportunity__c", "Opportunity", "Contracts__r"),
            text("Legal_Entity__c", 10),
            money("Value__c"),
            text("Template__c", 80),
            text("Template_Version__c", 20),
            day("Early_Start_Until__c"),
            checkbox("Cancelled__c"),
            canonical_id(),
        ],
    )


def _user(offers: Picklists) -> ObjectType:
    return build_object(
        "User",
        "User",
        "Users",
        "005",
        [
            text("Username", 80, id_lookup=True, unique=True, **REQUIRED),
            text("LastName", 80, **REQUIRED),
            text("FirstName", 40),
            text("Name", 121, label="Full Name", **READ_ONLY),
            text("CompanyName", 80),
            text("Department", 80),
            text("Title", 80),
            Field("Email", "email", "Email", length=128, nillable=False, id_lookup=True),
            text("Alias", 8, **REQUIRED),
            checkbox("IsActive"),
            picklist("TimeZoneSidKey", ("GMT",), nillable=False, default="GMT"),
            picklist("LocaleSidKey", ("en_US",), nillable=False, default="en_US"),
            picklist("UserType", ("Standard",), **READ_ONLY),
            text("EmployeeNumber", 20),
            text("FederationIdentifier", 512),
            reference("ManagerId", "User", "ManagedUsers"),
            picklist("DefaultCurrencyIsoCode", offers.currencies, restricted=True),
            currency_code(offers.currencies),
        ],
        recycled=False,
        createable=False,
        deletable=False,
    )


def _stage() -> ObjectType:
    return build_object(
        "OpportunityStage",
        "Opportunity Stage",
        "Opportunity Stages",
        "01J",
        [
            text("MasterLabel", **READ_ONLY),
            text("ApiName", nillable=False, **READ_ONLY),
            checkbox("IsActive", **READ_ONLY),
            integer("SortOrder", **READ_ONLY),
            checkbox("IsClosed", **READ_ONLY),
            checkbox("IsWon", **READ_ONLY),
            picklist("ForecastCategory", ("Omitted", "Pipeline", "BestCase", "Forecast", "Closed"), **READ_ONLY),
            picklist("ForecastCategoryName", ("Omitted", "Pipeline", "Best Case", "Commit", "Closed"), **READ_ONLY),
            percent("DefaultProbability", **READ_ONLY),
            text("Description", **READ_ONLY),
        ],
        recycled=False,
        createable=False,
        updateable=False,
        deletable=False,
    )
