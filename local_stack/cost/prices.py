"""The list prices of ``prices.json``: one dated file, so that renewing them is editing it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("prices.json")


@dataclass(frozen=True)
class Meter:
    """One thing that Azure bills: so many dollars ``per`` so many ``unit``, by region.

    None where no public figure was found: the first region's is taken then.
    """

    what: str
    per: int
    unit: str
    page: str
    usd: dict[str, float | None]


@dataclass(frozen=True)
class PriceList:
    """All meters by name, ``as_of`` a day (ISO 8601); ``regions`` is key -> name, the first one complete."""

    as_of: str
    source: str
    regions: dict[str, str]
    meters: dict[str, Meter]

    def usd(self, meter: str, amount: float, region: str) -> float:
        """What the amount costs in the region, in dollars.

        Raises KeyError for a meter or region that is not listed, ValueError for one without any price.
        """
        found = self.meters[meter]
        price = found.usd[region]
        if price is None:
            price = found.usd[next(iter(self.regions))]
        if price is None:
            raise ValueError(f"prices.json has no price of {meter} in its first region")
        return amount / found.per * price


def read_prices(path: Path = FILE) -> PriceList:
    """The list as the file has it."""
    told = json.loads(path.read_text(encoding="utf-8"))
    regions: dict[str, str] = told["regions"]
    meters = {
        name: Meter(m["what"], m["per"], m["unit"], m["page"], {region: m[region] for region in regions})
        for name, m in told["meters"].items()
    }
    return PriceList(told["as_of"], told["source"], regions, meters)
