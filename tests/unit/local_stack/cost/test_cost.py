"""The cost model: its sums, its price list, and that docs/cost.md has its tables as they are now."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from local_stack.cost import model
from local_stack.cost.__main__ import PAGE, main
from local_stack.cost.page import TABLES, names, renewed
from local_stack.cost.prices import Meter, PriceList, read_prices

ROOT = Path(__file__).resolve().parents[4]
MILLION = 1_000_000


def priced(**usd: float) -> PriceList:
    """A price list of one region where everything is free but these, each for one unit."""
    meters = {use.meter for use in model.uses(1, model.evenly(1))} | {"action"}
    return PriceList(
        "2026-01-01", "", {"here": "Here"},
        {name: Meter(name, 1, "unit", "page", {"here": usd.get(name, 0.0)}) for name in meters},
    )  # fmt: skip


def test_the_page_is_up_to_date():
    text = PAGE.read_text(encoding="utf-8")
    assert renewed(text, read_prices()) == text, "run: python -m local_stack.cost"


def test_the_command_renews_a_page_and_leaves_what_was_written_by_hand(tmp_path):
    page = tmp_path / "cost.md"
    page.write_text("before\n<!-- made: money -->\nold\n<!-- end of made -->\nafter\n")
    assert main([str(page)]) == 0
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| **together** |" in text


def test_the_page_has_every_table_and_no_unknown_one():
    assert names(PAGE.read_text(encoding="utf-8")) == TABLES
    with pytest.raises(KeyError):
        renewed("<!-- made: nonsense -->\n<!-- end of made -->", read_prices())


def test_an_image_is_eight_executions_and_thirty_six_requests_of_durable_state():
    executions = model.bill(priced(execution=1.0), "here", 1, model.in_bursts(1))
    assert executions[model.COMPUTE] == 8
    idle = model.IDLE_REQUESTS_A_SECOND / model.IMAGES_A_SECOND
    requests = model.bill(priced(queue=1.0, table=1.0), "here", 1, model.in_bursts(1))[model.ORCHESTRATION]
    trigger = 3
    assert requests == pytest.approx(4 * 6 + 3 * 3 + 3 + trigger + idle)


def test_the_kinds_of_requests_add_up_to_within_what_was_counted_with_the_polling_trigger():
    """55 to 74 on Microsoft's host; the agent's write is not the app's, and polling has no message for an event."""
    ours = sum(use.per_image for use in model.PER_IMAGE if use.meter in ("queue", "table", "blob_read"))
    without_event_grid = ours - 3
    assert 55 <= without_event_grid + sum(number for _, number in model.POLLING) <= 74


def test_the_model_has_as_many_blob_requests_of_the_app_as_were_counted_here():
    text = PAGE.read_text(encoding="utf-8")
    table = text.split("<!-- counted: storage requests of the app -->")[1].split("\n\n")[0]
    counted = sum(float(number) for number in re.findall(r"\| ([\d.]+) \|$", table, re.M))
    blobs = [use for use in model.PER_IMAGE if use.meter.startswith("blob_") and "agent" not in use.what]
    assert counted == sum(use.per_image for use in blobs)
    executions = text.split("<!-- counted: executions -->")[1].split("\n\n")[0]
    assert sum(map(int, re.findall(r"\| (\d+) \|$", executions, re.M))) == model.EXECUTIONS


def test_time_is_money_only_while_something_is_awake():
    bursts, month = model.in_bursts(MILLION), model.evenly(MILLION)
    assert bursts.hours == pytest.approx(MILLION / 4.8 / 3600)
    prices = priced(vcore_hour=1.0, gb_second=1.0)
    assert model.bill(prices, "here", MILLION, month)[model.DATABASE] == pytest.approx(730 * 0.5)
    assert model.bill(prices, "here", MILLION, month)[model.COMPUTE] == pytest.approx(730 * 3600 * 2)
    assert model.bill(prices, "here", MILLION, bursts)[model.COMPUTE] == pytest.approx(
        bursts.hours * 3600 * 2
    )


@pytest.mark.parametrize(("images", "per_image"), [(1, 1.0), (730 * 3600, 0.5), (100 * 730 * 3600, 1 / 101)])
def test_the_journal_is_written_once_a_second_at_most_and_for_each_image_at_most(images, per_image):
    written = model.bill(priced(blob_write=1.0), "here", images, model.evenly(images))[model.STORAGE] / images
    assert written == pytest.approx(1 + per_image, rel=1e-5)


def test_a_bill_names_its_largest_item_first():
    assert (
        next(iter(model.bill(read_prices(), "east_us", MILLION, model.in_bursts(MILLION)))) == model.TELEMETRY
    )
    assert next(iter(model.bill(read_prices(), "east_us", MILLION, model.evenly(MILLION)))) == model.DATABASE


def test_a_region_without_a_figure_takes_the_first_ones():
    prices = PriceList("", "", {"a": "A", "b": "B"}, {"m": Meter("m", 10, "u", "p", {"a": 2.0, "b": None})})
    assert prices.usd("m", 5, "b") == prices.usd("m", 5, "a") == 1.0
    nowhere = PriceList("", "", {"a": "A"}, {"m": Meter("m", 1, "u", "p", {"a": None})})
    with pytest.raises(ValueError, match="m in its first region"):
        nowhere.usd("m", 1, "a")


def test_the_price_list_is_dated_sourced_and_complete_in_its_first_region():
    prices = read_prices()
    assert date.fromisoformat(prices.as_of) <= date.today()
    assert "list prices" in prices.source
    first = next(iter(prices.regions))
    for name, meter in prices.meters.items():
        assert meter.usd[first] is not None, name
        assert meter.page.endswith("pricing"), name
        assert all(price is None or price > 0 for price in meter.usd.values()), name
    assert prices.as_of in PAGE.read_text(encoding="utf-8")


def test_the_figures_of_telemetry_are_those_that_the_page_states():
    text = PAGE.read_text(encoding="utf-8")
    assert f"<!-- telemetry: bytes of one image --> **{model.OWN_TELEMETRY_BYTES:,}**" in text


def test_the_instance_is_the_one_that_infra_makes():
    bicep = (ROOT / "infra" / "main.bicep").read_text(encoding="utf-8")
    assert f"param instanceMemoryMB int = {model.INSTANCE_GB * 1024}" in bicep
