"""The tables of docs/cost.md that are made from the model; each stands between two comments. Pure.

The rest of the page is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from local_stack.cost import model
from local_stack.cost.prices import PriceList

IMAGES = 1_000_000
_TABLE = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end of made -->)", re.DOTALL)


def renewed(text: str, prices: PriceList) -> str:
    """The page with its made tables as the model and the price list have them. Raises KeyError for an unknown one."""
    return _TABLE.sub(lambda found: f"{found[1]}\n{_TABLES[found[2]](prices)}\n\n{found[3]}", text)


def names(text: str) -> set[str]:
    """The made tables that a page has."""
    return {found[2] for found in _TABLE.finditer(text)}


def _requests(prices: PriceList) -> str:
    rows = [
        (use.what, prices.meters[use.meter].what.partition(" (")[0], f"{use.per_image:g}")
        for use in model.PER_IMAGE
        if prices.meters[use.meter].unit == "operations"
    ]
    rows += [(what, "nothing: `func start` only", f"{number}") for what, number in model.POLLING]
    return _table(("for one scored image", "billed as", "number"), rows)


def _money(prices: PriceList) -> str:
    paces = (model.in_bursts(IMAGES), model.evenly(IMAGES))
    bills = {
        (region, pace.name): model.bill(prices, region, IMAGES, pace)
        for region in prices.regions
        for pace in paces
    }
    columns = list(bills)
    first = bills[columns[0]]
    rows = [(item, *(_usd(bills[column][item]) for column in columns)) for item in first]
    rows.append(("**together**", *(f"**{_usd(sum(bills[column].values()))}**" for column in columns)))
    heads = tuple(f"{prices.regions[region]}, {pace}" for region, pace in columns)
    return _table(("USD for 1,000,000 images", *heads), rows)


def _telemetry(prices: PriceList) -> str:
    def row(what: str, size: int) -> tuple[str, ...]:
        money = (_usd(prices.usd("telemetry_gb", size / 1e9 * IMAGES, region)) for region in prices.regions)
        return (what, f"{size / 1000:g} KB", *money, f"{1e9 / size:,.0f}")

    rows = [
        row("as recorded, before", model.TELEMETRY_BYTES_BEFORE),
        row("now, at most", model.OWN_TELEMETRY_BYTES + model.OTHER_TELEMETRY_BYTES),
        row("of that our own spans", model.OWN_TELEMETRY_BYTES),
    ]
    regions = tuple(f"USD for 1,000,000, {name}" for name in prices.regions.values())
    return _table(("telemetry", "one image", *regions, "images until the cap of 1 GB a day"), rows)


def _choices(prices: PriceList) -> str:
    def row(what: str, told: dict[str, dict[str, float]]) -> tuple[str, ...]:
        return (what, *(_usd(sum(told[region].values())) for region in prices.regions))

    saved = {r: model.by_item(prices, r, IMAGES, model.one_activity_less()) for r in prices.regions}
    storage = {r: {model.ORCHESTRATION: model.bill(prices, r, IMAGES, model.in_bursts(IMAGES))[model.ORCHESTRATION]}
               for r in prices.regions}  # fmt: skip
    actions = model.SCHEDULER_ACTIONS * IMAGES
    by_action = {r: {"": prices.usd("action", actions, r)} for r in prices.regions}
    by_million = {r: {"": prices.usd("action", actions / 1e6, r)} for r in prices.regions}
    without = {r: {k: v for k, v in saved[r].items() if k != model.TELEMETRY} for r in prices.regions}
    rows = [
        row("one activity in place of two saves, storage and executions", without),
        row("... and telemetry, at most", {r: {"": saved[r][model.TELEMETRY]} for r in prices.regions}),
        row("orchestration state in Azure Storage, in bursts", storage),
        row(f"in the scheduler, {model.SCHEDULER_ACTIONS} actions an image, priced by action", by_action),
        row("in the scheduler, if the price is of a million actions", by_million),
    ]
    return _table(("USD for 1,000,000 images", *prices.regions.values()), rows)


def _prices(prices: PriceList) -> str:
    first = next(iter(prices.regions))

    def shown(usd: dict[str, float | None], region: str) -> str:
        price = usd[region]
        return f"{_digits(usd[first])}, as {prices.regions[first]}" if price is None else _digits(price)

    rows = [
        (m.what, f"{m.per:,} {m.unit}" if m.per > 1 else m.unit,
         *(shown(m.usd, region) for region in prices.regions), m.page)
        for m in prices.meters.values()
    ]  # fmt: skip
    return _table(("meter", "USD for", *prices.regions.values(), "pricing page"), rows)


_TABLES: dict[str, Callable[[PriceList], str]] = {
    "requests": _requests, "money": _money, "telemetry": _telemetry, "choices": _choices, "prices": _prices,
}  # fmt: skip
TABLES = frozenset(_TABLES)


def _digits(price: float | None) -> str:
    """A price with all its digits and no exponent."""
    return f"{price:.6f}".rstrip("0").rstrip(".")


def _usd(amount: float) -> str:
    """Dollars to two figures below 10, whole ones above."""
    return f"{amount:,.0f}" if amount >= 10 else f"{amount:.2g}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(line) + " |" for line in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])
