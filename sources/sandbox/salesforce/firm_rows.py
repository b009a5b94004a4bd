"""The generated firm as rows of the tenant: everything that its CRM holds on the first day.

Nobody in the firm model owns an account, so engagement managers do, by turns; rows are created 90
days before their last change. All other values are the firm's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any

from sources.sandbox.firm.model import Contract, Customer, Firm, Opportunity, Person, SoldPackage, SoldRole
from sources.sandbox.firm.vendor_ids import salesforce_id
from sources.sandbox.salesforce.custom_objects import custom_objects
from sources.sandbox.salesforce.database import Database, Row
from sources.sandbox.salesforce.fields import Catalogue, build_catalogue
from sources.sandbox.salesforce.ids import build_id
from sources.sandbox.salesforce.stages import Stage, build_stages
from sources.sandbox.salesforce.stamps import stamp
from sources.sandbox.salesforce.standard_objects import CONTRACT_STATUSES, Picklists, standard_objects

INTEGRATION_USER_N = 900_000
"""The number of the integration user, above every person's."""
_PRICEBOOK_ID = build_id("01s", 1)
_ROLES = (
    "Engagement Manager",
    "Solution Architect",
    "Senior Consultant",
    "Consultant",
    "Developer",
    "Data Engineer",
    "Business Analyst",
    "QA Engineer",
)


def integration_user_id() -> str:
    """The id of the user that API clients run as."""
    return salesforce_id("User", INTEGRATION_USER_N)


def build_database(firm: Firm, username: str, now: datetime) -> Database:
    """The tenant's tables, filled from the firm; `username` is the integration user's."""
    stages = build_stages(firm)
    catalogue = _catalogue(firm, stages)
    database = Database(catalogue)
    loader = _Loader(firm, database, stages, now)
    loader.load_users(username)
    loader.load_reference_tables()
    loader.load_deals()
    loader.load_contracts()
    return database


def _catalogue(firm: Firm, stages: list[Stage]) -> Catalogue:
    sold_roles = (role.role for deal in firm.opportunities for role in deal.sold_roles)
    offers = Picklists(
        currencies=_distinct(("USD", "GBP", "JPY", "EUR"), _currencies(firm)),
        regions=_distinct(
            (), chain((each.region for each in firm.customers), (each.region for each in firm.opportunities))
        ),
        industries=_distinct((), (each.industry for each in firm.customers)),
        stages=tuple(each.name for each in stages),
        roles=_distinct(_ROLES, sold_roles),
    )
    return build_catalogue([*standard_objects(offers), *custom_objects(offers)])


def _currencies(firm: Firm) -> Iterable[str]:
    yield from (each.currency for each in firm.legal_entities)
    yield from (each.currency for each in firm.customers)
    yield from (each.amount.currency for each in firm.opportunities)
    yield from (each.value.currency for each in firm.contracts)


def _distinct(first: tuple[str, ...], more: Iterable[str]) -> tuple[str, ...]:
    return first + tuple(sorted({each for each in more if each} - set(first)))


def _plain(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


class _Loader:
    """Builds the tables one after the other, parents first."""

    def __init__(self, firm: Firm, database: Database, stages: list[Stage], now: datetime) -> None:
        self._firm = firm
        self._database = database
        self._stages = {each.name: each for each in stages}
        self._now = now
        self._owners = [each.n for each in firm.people if each.role == "Engagement Manager" and not each.contingent]
        self._users = {each.n for each in firm.people if not each.contingent}
        self._codes: dict[str, int] = {}

    def load_users(self, username: str) -> None:
        admin = {
            "Username": username,
            "LastName": "Integration",
            "FirstName": "Hub",
            "Name": "Hub Integration",
            "Email": username if "@" in username else f"{username}@example.com",
            "IsActive": True,
        }
        people = [each for each in self._firm.people if not each.contingent]
        rows = [self._row("User", each.n, each.modified, **self._user(each)) for each in people]
        rows.append(self._row("User", INTEGRATION_USER_N, self._now - timedelta(days=90), **admin))
        for row in rows:
            row.update(UserType="Standard", TimeZoneSidKey="GMT", LocaleSidKey="en_US")
            row["Alias"] = row["LastName"][:8].lower()
        self._load("User", rows)

    def load_reference_tables(self) -> None:
        start = min((each.modified for each in self._firm.customers), default=self._now)
        self._load("OpportunityStage", [self._stage(each, start) for each in self._stages.values()])
        book = self._row("Pricebook2", 1, start, Name="Standard Price Book", IsActive=True, IsStandard=True)
        self._load("Pricebook2", [book])
        packages = {pack.code: pack for deal in self._firm.opportunities for pack in deal.sold_packages}
        self._codes = {code: n for n, code in enumerate(sorted(packages), 1)}
        self._load("Product2", [self._product(packages[code], n, start) for code, n in self._codes.items()])
        self._load("PricebookEntry", list(self._price_entries(start)))

    def load_deals(self) -> None:
        firm = self._firm
        self._load("Account", [self._account(each) for each in firm.customers])
        self._load("Opportunity", [self._opportunity(each) for each in firm.opportunities])
        items = (self._line_item(deal, pack) for deal in firm.opportunities for pack in deal.sold_packages)
        self._load("OpportunityLineItem", items)
        roles = (self._sold_role(deal, role) for deal in firm.opportunities for role in deal.sold_roles)
        self._load("Sold_Role__c", roles)

    def load_contracts(self) -> None:
        self._load("Contract", [self._contract(each) for each in self._firm.contracts])
        lines = (
            self._row(
                "Contract_Line__c",
                each.n,
                each.modified,
                Name=each.name[:80],
                CurrencyIsoCode=each.price.currency,
                Contract__c=salesforce_id("Contract", each.contract),
                Model__c=each.model.value,
                Price__c=float(each.price.value),
                Cap__c=_plain(each.cap.value if each.cap else None),
                Start_Date__c=each.start.isoformat(),
                End_Date__c=each.end.isoformat(),
                Billing_Terms__c=each.billing_terms,
                Canonical_Id__c=each.canonical,
            )
            for each in self._firm.contract_lines
        )
        self._load("Contract_Line__c", lines)
        orders = (
            self._row(
                "Change_Order__c",
                each.n,
                each.modified,
                Name=f"CO-{each.n:05d}",
                CurrencyIsoCode=each.price_delta.currency,
                Contract_Line__c=salesforce_id("Contract_Line__c", each.line),
                Status__c=each.status,
                Reason__c=each.reason,
                Price_Delta__c=float(each.price_delta.value),
                Hours_Delta__c=float(each.hours_delta),
                Effective_Date__c=each.effective.isoformat(),
                Canonical_Id__c=each.canonical,
            )
            for each in self._firm.change_orders
        )
        self._load("Change_Order__c", orders)

    def _load(self, object_name: str, rows: Iterable[Row]) -> None:
        found = list(rows)
        highest = INTEGRATION_USER_N if object_name == "User" else 0
        # Ids made later start well above the loaded numbers, whose gaps the firm leaves on purpose.
        self._database.table(object_name).load(found, max(highest, 10 * len(found) + 1_000_000))

    def _row(self, object_name: str, n: int, modified: datetime, **values: Any) -> Row:
        kind = self._database.catalogue[object_name.lower()]
        row: Row = {each.name: False if each.type == "boolean" else None for each in kind.fields.values()}
        changed = stamp(modified)
        row.update(
            Id=build_id(kind.key_prefix, n),
            IsDeleted=False,
            CreatedDate=stamp(modified - timedelta(days=90)),
            CreatedById=integration_user_id(),
            LastModifiedDate=changed,
            LastModifiedById=integration_user_id(),
            SystemModstamp=changed,
        )
        currency = kind.fields.get("currencyisocode")
        if currency is not None:
            row["CurrencyIsoCode"] = currency.default
        if "OwnerId" in row:
            row["OwnerId"] = self._owner(n)
        row.update(values)
        return row

    def _owner(self, n: int) -> str:
        return salesforce_id("User", self._owners[n % len(self._owners)]) if self._owners else integration_user_id()

    def _user(self, person: Person) -> dict[str, Any]:
        return {
            "Username": f"{person.email}.crm",
            "FirstName": person.first_name,
            "LastName": person.last_name,
            "Name": person.name,
            "Email": person.email,
            "Title": person.title[:80],
            "Department": person.practice,
            "EmployeeNumber": person.employee_number,
            "FederationIdentifier": person.email,
            "IsActive": person.terminated is None or person.terminated > self._firm.today,
            "ManagerId": salesforce_id("User", person.manager) if person.manager in self._users else None,
        }

    def _stage(self, stage: Stage, start: datetime) -> Row:
        return self._row(
            "OpportunityStage",
            stage.order,
            start,
            MasterLabel=stage.name,
            ApiName=stage.name,
            IsActive=True,
            SortOrder=stage.order,
            IsClosed=stage.closed,
            IsWon=stage.won,
            ForecastCategory=stage.forecast,
            ForecastCategoryName=stage.forecast_name,
            DefaultProbability=stage.probability,
        )

    def _product(self, pack: SoldPackage, n: int, start: datetime) -> Row:
        return self._row("Product2", n, start, Name=pack.name, ProductCode=pack.code, IsActive=True, Family="Packages")

    def _price_entries(self, start: datetime) -> Iterable[Row]:
        products = self._database.table("Product2").rows.values()
        currencies = self._database.catalogue["account"].fields["currencyisocode"].picklist
        prices = {
            (pack.code, pack.price.currency): pack.price.value / (pack.quantity or 1)
            for deal in self._firm.opportunities
            for pack in deal.sold_packages
        }
        pairs = [(product, currency) for product in products for currency in currencies]
        for n, (product, currency) in enumerate(pairs, 1):
            yield self._row(
                "PricebookEntry",
                n,
                start,
                Name=product["Name"],
                ProductCode=product["ProductCode"],
                Pricebook2Id=_PRICEBOOK_ID,
                Product2Id=product["Id"],
                CurrencyIsoCode=currency,
                UnitPrice=round(float(prices.get((product["ProductCode"], currency), 0)), 2),
                IsActive=True,
            )

    def _account(self, customer: Customer) -> Row:
        return self._row(
            "Account",
            customer.n,
            customer.modified,
            Name=customer.name,
            Type="Customer - Direct",
            Industry=customer.industry,
            ParentId=salesforce_id("Account", customer.parent) if customer.parent else None,
            BillingCountry=customer.country,
            CurrencyIsoCode=customer.currency,
            Region__c=customer.region,
            Tax_Registration__c=customer.tax_registration or None,
            Canonical_Id__c=customer.canonical,
        )

    def _opportunity(self, deal: Opportunity) -> Row:
        stage = self._stages[deal.stage]
        amount, chance = float(deal.amount.value), round(float(deal.probability) * 100, 2)
        return self._row(
            "Opportunity",
            deal.n,
            deal.modified,
            Name=deal.name[:120],
            AccountId=salesforce_id("Account", deal.customer),
            StageName=deal.stage,
            IsClosed=deal.closed,
            IsWon=deal.won,
            Amount=amount,
            Probability=chance,
            ExpectedRevenue=round(amount * chance / 100, 2),
            CloseDate=deal.expected_close.isoformat(),
            Type="Existing Business",
            ForecastCategory=stage.forecast,
            ForecastCategoryName=stage.forecast_name,
            CurrencyIsoCode=deal.amount.currency,
            HasOpportunityLineItem=bool(deal.sold_packages),
            Pricebook2Id=_PRICEBOOK_ID if deal.sold_packages else None,
            LastStageChangeDate=stamp(deal.modified),
            Start_Date__c=deal.start.isoformat() if deal.start else None,
            Region__c=deal.region,
            Canonical_Id__c=deal.canonical,
        )

    def _line_item(self, deal: Opportunity, pack: SoldPackage) -> Row:
        product_id = salesforce_id("Product2", self._codes[pack.code])
        entries = self._database.table("PricebookEntry")
        found = entries.find_live(entries.kind.fields["product2id"], product_id)
        entry = next((each for each in found if each["CurrencyIsoCode"] == pack.price.currency), None)
        return self._row(
            "OpportunityLineItem",
            pack.n,
            deal.modified,
            OpportunityId=salesforce_id("Opportunity", deal.n),
            Product2Id=product_id,
            PricebookEntryId=entry["Id"] if entry else None,
            ProductCode=pack.code,
            Name=f"{deal.name} {pack.name}"[:376],
            CurrencyIsoCode=pack.price.currency,
            Quantity=float(pack.quantity),
            TotalPrice=float(pack.price.value),
            UnitPrice=round(float(pack.price.value / (pack.quantity or 1)), 2),
            ListPrice=entry["UnitPrice"] if entry else None,
            ServiceDate=deal.start.isoformat() if deal.start else None,
        )

    def _sold_role(self, deal: Opportunity, role: SoldRole) -> Row:
        return self._row(
            "Sold_Role__c",
            role.n,
            deal.modified,
            Name=f"SR-{role.n:06d}",
            CurrencyIsoCode=role.bill_rate.currency,
            Opportunity__c=salesforce_id("Opportunity", deal.n),
            Role__c=role.role,
            Hours__c=float(role.hours),
            Bill_Rate__c=float(role.bill_rate.value),
            Start_Date__c=role.start.isoformat(),
            End_Date__c=role.end.isoformat(),
        )

    def _contract(self, contract: Contract) -> Row:
        activated = contract.crm_status == "Activated"
        return self._row(
            "Contract",
            contract.n,
            contract.modified,
            AccountId=salesforce_id("Account", contract.customer),
            ContractNumber=contract.number,
            Status=contract.crm_status,
            StatusCode=CONTRACT_STATUSES[contract.crm_status],
            StartDate=contract.start.isoformat(),
            EndDate=contract.end.isoformat(),
            CustomerSignedDate=contract.signed_on.isoformat() if contract.signed_on else None,
            ActivatedDate=stamp(contract.modified) if activated else None,
            ActivatedById=integration_user_id() if activated else None,
            CurrencyIsoCode=contract.value.currency,
            Opportunity__c=salesforce_id("Opportunity", contract.opportunity) if contract.opportunity else None,
            Legal_Entity__c=contract.company,
            Value__c=float(contract.value.value),
            Template__c=contract.template,
            Template_Version__c=contract.template_version,
            Early_Start_Until__c=contract.early_start_until.isoformat() if contract.early_start_until else None,
            Cancelled__c=contract.cancelled,
            Canonical_Id__c=contract.canonical,
        )
