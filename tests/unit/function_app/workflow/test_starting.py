"""One run per blob version, however often its arrival is reported: with Microsoft's client, as recorded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.durable_functions import DurableOrchestrationClient

from function_app.maintenance.replay import Replayed, replay
from function_app.models.codec import from_json
from function_app.models.runs import ImageVersion, Outcome, RunRecord, RunRequest, SourceMetadata
from function_app.storage.blobs import RecentBytes
from function_app.workflow.live_runs.durable_status import DurableUnavailable
from function_app.workflow.starting import Started, begin, start_run
from functions_host.testing.process import background_loop
from tests.contract.recordings.durable_extension import DurableExtension, serving
from tests.contract.recordings.recorded import rows

RUN = RunRequest(
    "ab" * 16,
    ImageVersion("img", "x", "0x1", 12),
    SourceMetadata(uploaded_at=datetime(2026, 1, 1, tzinfo=UTC)),
)
AT_ONCE = 5

ClientOf = Callable[[DurableExtension], DurableOrchestrationClient]


def nowhere(_: object) -> None:
    """The list of live runs is no concern of this test."""


@pytest.fixture
def client_of() -> Iterator[ClientOf]:
    """Microsoft's client of an extension that answers as recorded."""
    with ExitStack() as serving_all:
        yield lambda extension: DurableOrchestrationClient(serving_all.enter_context(serving(extension)))


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """On the loop that the SDK's one HTTP session belongs to in this process."""
    return background_loop().run(work)


def at_once(start: Callable[[], Any], times: int = AT_ONCE) -> list[Any]:
    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(start() for _ in range(times)))

    return run(all_of_them())


def test_what_was_recorded_is_that_starts_of_one_id_are_mostly_all_accepted():
    races = [found["value"]["answers"] for found in rows("race") if "at once" in found["label"]]
    refused = [sum("already exists" in answer for answer in answers) for answers in races]
    assert len(refused) == 6
    assert refused.count(0) >= 3
    assert any(refused)
    executed = [found["executed"] for found in rows("race") if "executed" in found]
    assert all(
        sum(step[0] == "say" for step in steps) == 1 for steps in executed
    )  # one execution, all the same


def test_starters_that_are_all_accepted_bring_the_same_request(client_of):
    extension = DurableExtension(at_once=AT_ONCE)
    client = client_of(extension)
    assert at_once(lambda: start_run(client, RUN, nowhere)) == [Started.NOW] * AT_ONCE
    assert {run_id for run_id, _ in extension.started} == {RUN.run_id}
    assert [from_json(RunRequest, told) for _, told in extension.started] == [RUN] * AT_ONCE


def test_a_starter_that_is_refused_with_409_has_had_its_work_done(client_of):
    extension = DurableExtension(accepts=AT_ONCE - 1, at_once=AT_ONCE)
    client = client_of(extension)
    added: list[RunRequest] = []
    answers = at_once(lambda: start_run(client, RUN, added.append))
    assert added == [RUN] * (AT_ONCE - 1)
    assert sorted(answers) == sorted([Started.ALREADY] + [Started.NOW] * (AT_ONCE - 1))
    assert extension.refused == 1


def test_a_run_that_is_known_is_not_asked_for_again(client_of):
    extension = DurableExtension(at_once=1)
    client = client_of(extension)
    assert run(start_run(client, RUN, nowhere)) is Started.NOW
    assert run(start_run(client, RUN, nowhere)) is Started.ALREADY
    assert len(extension.started) == 1


def test_a_start_that_fails_and_leaves_no_run_is_an_error_by_name(client_of):
    extension = DurableExtension(at_once=1)
    extension.runs = False
    with pytest.raises(DurableUnavailable):
        run(start_run(client_of(extension), RUN, nowhere))
    with pytest.raises(DurableUnavailable):
        run(begin(client_of(extension), RUN, nowhere))


@pytest.mark.parametrize(("accepts", "refused"), [(2, 0), (1, 1)], ids=["both accepted", "one refused"])
def test_two_replays_at_once_ask_for_one_attempt(client_of, accepts, refused):
    extension = DurableExtension(accepts=accepts, at_once=2)
    client = client_of(extension)
    record = RunRecord(RUN.run_id, "img", "x", "0x1", 12, Outcome.FAILED, 3, datetime(2026, 1, 1, tzinfo=UTC))
    answers = at_once(lambda: replay(client, record, nowhere), times=2)
    assert {told["attempt"] for _, told in extension.started} == {4} == {answer.attempt for answer in answers}
    assert len({json.dumps(told) for _, told in extension.started}) == 1
    assert (
        [answer.replayed for answer in answers].count(Replayed.ALREADY_RUNNING)
        == refused
        == extension.refused
    )


def test_the_memory_of_bytes_is_bounded_and_forgets_the_oldest():
    memory = RecentBytes(most_bytes=10)
    versions = [ImageVersion("img", str(n), "1", 4) for n in range(4)]
    for version in versions:
        memory.put(version, b"1234")
    assert [memory.get(version) is not None for version in versions] == [False, False, True, True]
    memory.put(ImageVersion("img", "giant", "1", 99), b"x" * 99)
    assert memory.get(ImageVersion("img", "giant", "1", 99)) is None


def test_forgotten_bytes_make_room_for_others():
    memory = RecentBytes(most_bytes=8)
    kept, used, new = (ImageVersion("img", name, "1", 4) for name in ("kept", "used", "new"))
    memory.put(kept, b"1234")
    memory.put(used, b"1234")
    memory.forget(used)
    memory.forget(used)
    memory.put(new, b"1234")
    assert [memory.get(image) for image in (kept, used, new)] == [b"1234", None, b"1234"]
