"""What the platform does by itself when a row is saved: derived fields, stage rules, product roll-ups."""

from __future__ import annotations

from sources.sandbox.salesforce.database import Database, Row
from sources.sandbox.salesforce.errors import refuse_row
from sources.sandbox.salesforce.standard_objects import CONTRACT_STATUSES


def prepare_create(database: Database, object_name: str, row: Row, user_id: str) -> None:
    """Fill in a new row what the caller leaves to the platform; refuses what a create may not do."""
    if "OwnerId" in row and row["OwnerId"] is None:
        row["OwnerId"] = user_id
    if object_name == "Opportunity":
        sent = {name for name in ("Probability", "ForecastCategoryName") if row[name] is not None}
        _apply_stage(database, row, sent, stage_changed=True)
    elif object_name == "OpportunityLineItem":
        _prepare_line_item(database, row)
    elif object_name == "Contract":
        _prepare_contract(row)
    elif object_name == "PricebookEntry":
        product = database.table("Product2").rows[row["Product2Id"]]
        row.update(Name=product["Name"], ProductCode=product["ProductCode"])
    _number_name(database, object_name, row)


def prepare_update(database: Database, object_name: str, before: Row, row: Row, sent: set[str]) -> None:
    """Derive again what follows from the changed fields (`sent`); refuses forbidden transitions."""
    if object_name == "Opportunity":
        if row["HasOpportunityLineItem"]:
            # Documented behaviour: with products present a sent Amount is ignored, not refused.
            row["Amount"] = before["Amount"]
        _apply_stage(database, row, sent, stage_changed=row["StageName"] != before["StageName"])
    elif object_name == "OpportunityLineItem":
        _check_one_price(sent)
        _price_line_item(row, given="TotalPrice" if "TotalPrice" in sent else "UnitPrice")
    elif object_name == "Contract":
        _change_contract(before, row)
    elif object_name == "User":
        row["Name"] = " ".join(filter(None, (row["FirstName"], row["LastName"])))


def roll_up(database: Database, object_name: str, before: Row | None, after: Row) -> Row | None:
    """The opportunity as it must be after one of its products changed, or None when nothing follows.

    Loaded amounts may hold more than products (sold roles), so the amount moves by the difference.
    """
    if object_name != "OpportunityLineItem":
        return None
    opportunity = database.table("Opportunity").rows[after["OpportunityId"]]
    table = database.table("OpportunityLineItem")
    link = table.kind.fields["opportunityid"]
    others = any(each["Id"] != after["Id"] for each in table.find_live(link, opportunity["Id"]))
    live = not after["IsDeleted"]
    changed = {**opportunity, "HasOpportunityLineItem": live or others}
    if live or others:
        was = before["TotalPrice"] or 0 if before is not None else 0
        base = opportunity["Amount"] if opportunity["HasOpportunityLineItem"] else 0
        changed["Amount"] = round((base or 0) - was + ((after["TotalPrice"] or 0) if live else 0), 2)
    _derive_expected_revenue(changed)
    return changed


def _number_name(database: Database, object_name: str, row: Row) -> None:
    pattern = {"Sold_Role__c": "SR-{:06d}", "Change_Order__c": "CO-{:05d}"}.get(object_name)
    if pattern is not None:
        row["Name"] = pattern.format(len(database.table(object_name).rows) + 1)
    if object_name == "Contract":
        row["ContractNumber"] = f"{len(database.table(object_name).rows) + 1:08d}"


def _apply_stage(database: Database, row: Row, sent: set[str], *, stage_changed: bool) -> None:
    stages = database.table("OpportunityStage")
    found = stages.find_live(stages.kind.fields["apiname"], row["StageName"])
    if found and stage_changed:
        stage = found[0]
        row.update({name: stage[name] for name in ("IsClosed", "IsWon", "ForecastCategory")})
        row["LastStageChangeDate"] = row["SystemModstamp"]
        if "ForecastCategoryName" not in sent:
            row["ForecastCategoryName"] = stage["ForecastCategoryName"]
        if "Probability" not in sent:
            row["Probability"] = stage["DefaultProbability"]
    _derive_expected_revenue(row)


def _derive_expected_revenue(row: Row) -> None:
    amount, chance = row["Amount"], row["Probability"]
    row["ExpectedRevenue"] = None if amount is None else round(amount * (chance or 0) / 100, 2)


def _check_one_price(sent: set[str]) -> None:
    if {"UnitPrice", "TotalPrice"} <= sent:
        message = (
            "field integrity exception: unitprice, totalprice (only one of unit price, or total price can be specified)"
        )
        raise refuse_row("FIELD_INTEGRITY_EXCEPTION", message, "UnitPrice", "TotalPrice")


def _price_line_item(row: Row, *, given: str) -> None:
    share = 1 - (row["Discount"] or 0) / 100
    if given == "TotalPrice" and row["TotalPrice"] is not None:
        whole = row["Quantity"] * share
        row["UnitPrice"] = round(row["TotalPrice"] / whole, 2) if whole else row["UnitPrice"]
    elif row["UnitPrice"] is not None:
        row["TotalPrice"] = round(row["UnitPrice"] * row["Quantity"] * share, 2)


def _prepare_line_item(database: Database, row: Row) -> None:
    _check_one_price({name for name in ("UnitPrice", "TotalPrice") if row[name] is not None})
    if row["UnitPrice"] is None and row["TotalPrice"] is None:
        raise refuse_row("REQUIRED_FIELD_MISSING", "Required fields are missing: [UnitPrice]", "UnitPrice")
    opportunity = database.table("Opportunity").rows[row["OpportunityId"]]
    row["CurrencyIsoCode"] = opportunity["CurrencyIsoCode"]
    entry = _price_entry(database, row)
    row.update(PricebookEntryId=entry["Id"], Product2Id=entry["Product2Id"], ListPrice=entry["UnitPrice"])
    row["ProductCode"] = entry["ProductCode"]
    row["Name"] = f"{opportunity['Name']} {entry['Name']}"
    _price_line_item(row, given="UnitPrice" if row["UnitPrice"] is not None else "TotalPrice")


def _price_entry(database: Database, row: Row) -> Row:
    entries = database.table("PricebookEntry")
    if row["PricebookEntryId"] is not None:
        entry = entries.rows[row["PricebookEntryId"]]
        if entry["CurrencyIsoCode"] != row["CurrencyIsoCode"]:
            message = "field integrity exception: PricebookEntryId (pricebook entry currency code does not match)"
            raise refuse_row("FIELD_INTEGRITY_EXCEPTION", message, "PricebookEntryId")
        return entry
    if row["Product2Id"] is None:
        message = "Required fields are missing: [PricebookEntryId]"
        raise refuse_row("REQUIRED_FIELD_MISSING", message, "PricebookEntryId")
    for entry in entries.find_live(entries.kind.fields["product2id"], row["Product2Id"]):
        if entry["CurrencyIsoCode"] == row["CurrencyIsoCode"]:
            return entry
    message = "field integrity exception: PricebookEntryId (pricebook entry has not been created)"
    raise refuse_row("FIELD_INTEGRITY_EXCEPTION", message, "PricebookEntryId")


def _prepare_contract(row: Row) -> None:
    if row["Status"] == "Activated":
        message = "Choose a valid contract status and save your changes. Ask your admin for details."
        raise refuse_row("FAILED_ACTIVATION", message, "Status")
    row["StatusCode"] = CONTRACT_STATUSES[row["Status"]]


def _change_contract(before: Row, row: Row) -> None:
    if before["Status"] == "Activated" != row["Status"]:
        message = "Contract status is activated and can not be changed back."
        raise refuse_row("INVALID_STATUS", message, "Status")
    row["StatusCode"] = CONTRACT_STATUSES[row["Status"]]
    if row["Status"] == "Activated" != before["Status"]:
        row.update(ActivatedDate=row["SystemModstamp"], ActivatedById=row["LastModifiedById"])
