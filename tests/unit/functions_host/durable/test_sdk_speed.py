"""What is sped up in the SDK must be indistinguishable from the SDK's own."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta

import pytest
from dateutil.parser import parse

from functions_host.durable.events import iso
from functions_host.durable.sdk import fast_reader, speed_up_sdk

MOMENTS = [
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
    *[datetime(2026, 3, 4, tzinfo=UTC) + timedelta(days=n, microseconds=n * 7_654_321) for n in range(40)],
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_engine_timestamps_read_as_the_sdks_parser_reads_them(moment: datetime) -> None:
    read = fast_reader(parse)(iso(moment))
    assert read == parse(iso(moment)) == moment
    assert type(read.tzinfo) is type(parse(iso(moment)).tzinfo)


@pytest.mark.parametrize(
    "text", ["2026-01-01", "2026-01-01T00:00:00Z", "1 May 2026 10:00", "2026-01-01T00:00:00.1234567Z"]
)
def test_any_other_text_goes_to_the_sdks_parser(text: str) -> None:
    asked: list[str] = []

    def original(given: str) -> datetime:
        asked.append(given)
        return parse(given)

    read = fast_reader(original)
    asked.clear()
    assert read(text) == parse(text)
    assert asked == [text]


def test_the_reader_is_put_in_place_once() -> None:
    assert speed_up_sdk()
    module = importlib.import_module("azure.durable_functions.models.history.HistoryEvent")
    first = module.dt_parse
    assert speed_up_sdk()
    assert module.dt_parse is first


def test_the_sdks_named_tuple_is_defined_once_and_works_as_before() -> None:
    assert speed_up_sdk()
    executor = importlib.import_module("azure.durable_functions.models.TaskOrchestrationExecutor")
    first = executor.TaskOrchestrationExecutor().event_to_SetTaskValuePayload
    second = executor.TaskOrchestrationExecutor().event_to_SetTaskValuePayload
    assert first == second
    assert {type(payload) for payload in first.values()} == {type(payload) for payload in second.values()}
    assert {payload._fields for payload in first.values()} == {("is_success", "task_id_key")}
