"""The sales stages of the tenant: the platform's stock list, and whatever other stages the firm's deals stand in."""

from __future__ import annotations

from dataclasses import dataclass

from sources.sandbox.firm.model import Firm

_STOCK = (
    ("Prospecting", 10.0, "Pipeline"),
    ("Qualification", 10.0, "Pipeline"),
    ("Needs Analysis", 20.0, "Pipeline"),
    ("Value Proposition", 50.0, "Pipeline"),
    ("Id. Decision Makers", 60.0, "Pipeline"),
    ("Perception Analysis", 70.0, "Pipeline"),
    ("Proposal/Price Quote", 75.0, "Pipeline"),
    ("Negotiation/Review", 90.0, "Pipeline"),
    ("Closed Won", 100.0, "Closed"),
    ("Closed Lost", 0.0, "Omitted"),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage; `order` is its place in the sales process from 1, `probability` its default in percent."""

    name: str
    order: int
    probability: float
    closed: bool
    won: bool
    forecast: str

    @property
    def forecast_name(self) -> str:
        """The forecast category as its label spells it."""
        return {"BestCase": "Best Case", "Forecast": "Commit"}.get(self.forecast, self.forecast)


def build_stages(firm: Firm) -> list[Stage]:
    """All stages in process order, each with the open, won or lost meaning that the firm's deals give it."""
    stages = {
        name: Stage(name, order, chance, forecast != "Pipeline", forecast == "Closed", forecast)
        for order, (name, chance, forecast) in enumerate(_STOCK, 1)
    }
    for deal in firm.opportunities:
        if deal.stage not in stages:
            forecast = "Closed" if deal.won else "Omitted" if deal.closed else "Pipeline"
            chance = round(float(deal.probability) * 100, 2)
            stages[deal.stage] = Stage(deal.stage, len(stages) + 1, chance, deal.closed, deal.won, forecast)
    return list(stages.values())
