"""Who is asked about runs, and how often: the store, Durable, or both."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import azure.functions as func
import pytest

from function_app.errors import StoreUnavailable
from function_app.http_api.responses import BadParameter, NotFound, json_response
from function_app.http_api.runs import RunJsonCache, look_up, some_runs
from function_app.http_api.stats import statistics
from function_app.http_api.views import RunsPage, view_of
from function_app.models.runs import (
    Counts,
    ImageVersion,
    Outcome,
    Page,
    RunRecord,
    RunRequest,
    Score,
    SourceMetadata,
    StoredRun,
)
from function_app.workflow.live_runs.durable_status import DurableUnavailable, LiveRun, State
from function_app.workflow.live_runs.listing import LiveSnapshot
from function_app.workflow.retries import SHORTEST_DELAY, delay_before_retry

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUN = "0" * 32


def stored(outcome: Outcome = Outcome.SCORED, took: float = 0.1, attempt: int = 1) -> StoredRun:
    ended = NOW + timedelta(seconds=took)
    record = RunRecord(RUN, "img", "a.png", "0x1", 5, outcome, attempt, ended, started_at=NOW)
    return StoredRun(record, ended, 1, (Score("pixel_sum", "1", 7, NOW),))


class Durable:
    """A Durable client that knows no run, or is away, and counts the questions."""

    def __init__(self, *, away: bool = False) -> None:
        self.questions, self.away = 0, away

    async def get_status(self, *_: object, **__: object) -> object:
        return await self._asked()

    async def _asked(self) -> Any:
        self.questions += 1
        await asyncio.sleep(0)
        if self.away:
            raise Exception("away")  # as the SDK does


def world(answer: StoredRun | Exception | None, *, at_once: bool = True) -> Any:
    def run(_: str) -> StoredRun | None:
        reading_threads.append(threading.get_ident())
        if isinstance(answer, Exception):
            raise answer
        return answer

    reading_threads: list[int] = []
    store = SimpleNamespace(run=run, reads_at_once=at_once, reading_threads=reading_threads)
    return SimpleNamespace(store=store, now=lambda: NOW)


async def test_a_run_scored_at_once_is_told_from_its_row_alone() -> None:
    durable = Durable(away=True)
    view = await look_up(RUN, durable, world(stored()))
    assert (view.state, durable.questions) == (State.SCORED, 0)


async def test_a_database_that_may_keep_one_waiting_is_read_in_a_thread() -> None:
    for at_once in (True, False):
        use = world(stored(), at_once=at_once)
        await look_up(RUN, Durable(), use)
        assert (use.store.reading_threads == [threading.get_ident()]) is at_once


@pytest.mark.parametrize("answer", [stored(took=0.8), stored(Outcome.REJECTED), stored(Outcome.FAILED), None])
async def test_durable_is_asked_where_it_may_know_of_failed_tries_or_a_replay(
    answer: StoredRun | None,
) -> None:
    durable = Durable()
    if answer is None:
        with pytest.raises(NotFound):
            await look_up(RUN, durable, world(answer))
    else:
        await look_up(RUN, durable, world(answer))
    assert durable.questions == 1


def test_no_retry_comes_sooner_than_the_shortest_delay() -> None:
    """On Azure Storage a timer fires up to a second before its time."""
    delays = [delay_before_retry(1, f"{number}/save_result", "store_unavailable") for number in range(2_000)]
    assert SHORTEST_DELAY <= min(delays) - timedelta(seconds=1) < SHORTEST_DELAY * 1.05


async def test_a_row_answers_while_durable_is_away_and_nobody_s_answer_is_guessed() -> None:
    view = await look_up(RUN, Durable(away=True), world(stored(Outcome.REJECTED)))
    assert view.state is State.REJECTED
    with pytest.raises(DurableUnavailable):
        await look_up(RUN, Durable(away=True), world(None))
    with pytest.raises(StoreUnavailable):
        await look_up(RUN, Durable(away=True), world(StoreUnavailable("down")))


async def test_a_cursor_of_live_runs_is_refused_by_name() -> None:
    request = func.HttpRequest("GET", "http://host/api/runs?state=running&cursor=abc", body=b"")
    with pytest.raises(BadParameter) as caught:
        await some_runs(request, Durable(), world(None))
    assert caught.value.parameter == "cursor"


def test_a_page_is_written_as_the_model_says() -> None:
    runs = (stored(), replace(stored(Outcome.REJECTED), scores=()))
    views = tuple(view for run in runs if (view := view_of(run, None)))
    expected = json_response(RunsPage(views, "next")).body
    cache = RunJsonCache()
    assert cache.page(Page(runs, "next")) == expected
    assert cache.page(Page(runs, "next")) == expected


def test_a_row_that_changed_is_encoded_anew() -> None:
    cache, before = RunJsonCache(), stored(Outcome.REJECTED)
    cache.page(Page((before,)))
    for after in (stored(Outcome.SCORED, attempt=2), replace(before, scores=(Score("later", "1", 3, NOW),))):
        [told] = json.loads(cache.page(Page((after,))))["runs"]
        assert (told["state"], told["attempt"]) == (after.record.outcome, after.record.attempt)
        assert [score["scorer"] for score in told["scores"]] == [score.scorer for score in after.scores]


def test_no_more_texts_are_kept_than_allowed() -> None:
    cache = RunJsonCache(most_kept=2)
    for attempt in range(1, 6):
        cache.page(Page((stored(attempt=attempt),)))
        assert len(cache._texts) <= 2


def under_way(*devices: str, away: bool = False) -> Any:
    """Resources with these devices' images under way, each started a second after the one before."""
    runs = tuple(
        LiveRun(
            f"{number + 1:032x}", "Running", NOW + timedelta(seconds=number),
            request=RunRequest(
                f"{number + 1:032x}", ImageVersion("img", f"{device}/{number}.png", "0x1", 5), SourceMetadata(device)
            ),
        )
        for number, device in enumerate(devices)
    )  # fmt: skip

    async def snapshot(_: object) -> LiveSnapshot:
        if away:
            raise DurableUnavailable("away")
        return LiveSnapshot(runs, NOW)

    store = SimpleNamespace(counts=lambda _: Counts(scored=1))
    return SimpleNamespace(live_runs=SimpleNamespace(snapshot=snapshot), now=lambda: NOW, store=store)


async def live(use: Any, **given: str) -> list[dict[str, Any]]:
    address = f"http://host/api/runs?{urlencode({'state': 'running', **given})}"
    answer = await some_runs(func.HttpRequest("GET", address, body=b""), Durable(), use)
    return list(json.loads(answer.body)["runs"])


async def stats(use: Any, **given: str) -> dict[str, Any]:
    address = f"http://host/api/stats?{urlencode(given)}"
    answer = await statistics(func.HttpRequest("GET", address, body=b""), Durable(), use)
    return dict(json.loads(answer.body))


async def test_runs_under_way_are_told_with_their_images_newest_first() -> None:
    told = await live(under_way("cam-1", "cam-2"))
    assert [run["blob_name"] for run in told] == ["cam-2/1.png", "cam-1/0.png"]
    assert [run["device_id"] for run in told] == ["cam-2", "cam-1"]


async def test_runs_under_way_are_filtered_by_device_and_by_when_they_began() -> None:
    use = under_way("cam-1", "cam-2", "cam-1")
    assert [run["blob_name"] for run in await live(use, device="cam-1")] == ["cam-1/2.png", "cam-1/0.png"]
    assert [run["blob_name"] for run in await live(use, device="cam-1", limit="1")] == ["cam-1/2.png"]
    second = (NOW + timedelta(seconds=1)).isoformat()
    assert [run["blob_name"] for run in await live(use, since=second)] == ["cam-1/2.png", "cam-2/1.png"]
    assert [run["blob_name"] for run in await live(use, until=second)] == ["cam-1/0.png"]


async def test_live_states_are_counted_by_device_and_say_how_old_they_are() -> None:
    use = under_way("cam-1", "cam-2", "cam-1")
    told = await stats(use)
    assert (told["counts"]["running"], told["live_as_of"]) == (3, "2026-01-01T00:00:00.000000Z")
    assert (await stats(use, device="cam-1"))["counts"]["running"] == 2


async def test_live_states_that_nobody_can_tell_are_null_and_so_is_their_age() -> None:
    told = await stats(under_way("cam-1", away=True))
    assert told["counts"] == {
        "scored": 1, "rejected": 0, "failed": 0, "waiting": None, "running": None, "retrying": None,
    }  # fmt: skip
    assert told["live_as_of"] is None
