"""The timer trigger: schedules on a virtual clock, start-up rules, monitored runs across restarts."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions_host.clock import VirtualClock
from functions_host.errors import StartRefusedError
from functions_host.testing import RunningApp

AppOf = Callable[..., RunningApp]

START = datetime(2026, 1, 1, 10, 0, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

TICKS = """
ticks = []

@app.timer_trigger(schedule="{schedule}", arg_name="timer", run_on_startup={startup}, use_monitor={monitor})
def tick(timer: func.TimerRequest) -> None:
    ticks.append([timer.past_due, timer.schedule_status])

@app.route()
def seen(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(ticks), mimetype="application/json")
"""


def source(schedule: str = "0 */5 * * * *", *, startup: bool = False, monitor: bool = True) -> str:
    return TICKS.format(schedule=schedule, startup=startup, monitor=monitor)


def ticks(app: RunningApp) -> list[Any]:
    found: list[Any] = app.get("/api/seen").json()
    return found


def after(app: RunningApp, step: timedelta, count: int) -> list[Any]:
    """Ticks once there are `count` of them, after moving the clock."""
    app.advance(step)
    app.wait_until(lambda: len(ticks(app)) >= count)
    return ticks(app)


def test_timer_fires_when_its_schedule_says(app_of: AppOf) -> None:
    app = app_of(source(), clock=VirtualClock(START))
    app.advance(4 * MINUTE)
    assert ticks(app) == []
    assert len(after(app, MINUTE, 1)) == 1
    assert len(after(app, 5 * MINUTE, 2)) == 2


def test_run_on_startup_runs_at_once_and_then_by_schedule(app_of: AppOf) -> None:
    app = app_of(source(startup=True), clock=VirtualClock(START))
    assert after(app, timedelta(0), 1)[0][0] is False
    assert len(after(app, 5 * MINUTE, 2)) == 2


def test_schedule_may_come_from_a_setting(app_of: AppOf) -> None:
    app = app_of(source("%WHEN%"), clock=VirtualClock(START), settings={"WHEN": "30 * * * * *"})
    assert len(after(app, timedelta(seconds=30), 1)) == 1


def test_missed_occurrence_of_a_monitored_timer_runs_past_due_after_a_restart(
    app_of: AppOf, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    app = app_of(source(), clock=VirtualClock(START), state=state)
    after(app, 5 * MINUTE, 1)
    app.close()
    later = app_of(source(), clock=VirtualClock(START + timedelta(hours=3)), state=state)
    past_due, status = after(later, timedelta(0), 1)[0]
    assert past_due is True
    assert status["Last"].startswith("2026-01-01T10:05:00")
    assert status["Next"].startswith("2026-01-01T10:10:00")


def test_never_run_timer_is_past_due_too_once_its_first_occurrence_was_missed(
    app_of: AppOf, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    app_of(source(), clock=VirtualClock(START), state=state).close()
    later = app_of(source(), clock=VirtualClock(START + timedelta(hours=1)), state=state)
    assert after(later, timedelta(0), 1)[0][0] is True


@pytest.mark.parametrize(
    ("schedule", "monitor"),
    [("0 */5 * * * *", False), ("*/30 * * * * *", True)],
    ids=["unmonitored", "sub-minute"],
)
def test_unmonitored_timers_do_not_catch_up(
    app_of: AppOf, tmp_path: Path, schedule: str, monitor: bool
) -> None:
    state = tmp_path / "state"
    text = source(schedule, monitor=monitor)
    app = app_of(text, clock=VirtualClock(START), state=state)
    assert after(app, 5 * MINUTE, 1)[0] == [False, {}]
    app.close()
    later = app_of(text, clock=VirtualClock(START + timedelta(hours=3)), state=state)
    assert after(later, 5 * MINUTE, 1)[0][0] is False


def test_nothing_missed_means_no_run_at_start(app_of: AppOf, tmp_path: Path) -> None:
    state = tmp_path / "state"
    app = app_of(source(), clock=VirtualClock(START), state=state)
    after(app, 5 * MINUTE, 1)
    app.close()
    later = app_of(source(), clock=VirtualClock(START + 6 * MINUTE), state=state)
    assert len(after(later, 4 * MINUTE, 1)) == 1
    assert ticks(later)[0][0] is False


def test_changed_schedule_starts_anew(app_of: AppOf, tmp_path: Path) -> None:
    state = tmp_path / "state"
    app = app_of(source(), clock=VirtualClock(START), state=state)
    after(app, 5 * MINUTE, 1)
    app.close()
    later = app_of(source("0 0 * * * *"), clock=VirtualClock(START + timedelta(hours=5)), state=state)
    later.advance(30 * MINUTE)
    assert ticks(later) == []


def test_failing_run_does_not_stop_the_schedule(app_of: AppOf) -> None:
    text = source().replace("ticks.append", "ticks.append(1); raise ValueError") + ""
    app = app_of(text, clock=VirtualClock(START))
    after(app, 5 * MINUTE, 1)
    assert len(after(app, 5 * MINUTE, 2)) == 2


def test_timer_function_may_use_a_durable_client(app_of: AppOf) -> None:
    app = app_of(
        """
@app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer", run_on_startup=True)
@app.durable_client_input(client_name="client")
async def starts(timer: func.TimerRequest, client) -> None:
    await client.start_new("done", instance_id="by-timer")

@app.orchestration_trigger(context_name="context")
def done(context):
    return "yes"
"""
    )
    app.wait_until(lambda: app.orchestrations.status("by-timer") is not None)
    assert app.orchestrations.wait("by-timer").output == "yes"


def test_setting_that_is_not_an_expression_is_refused_by_name(app_of: AppOf) -> None:
    with pytest.raises(StartRefusedError, match="'tick': schedule"):
        app_of(source("%WHEN%"), settings={"WHEN": "sometimes"})


def test_next_occurrence_is_remembered_on_disk(app_of: AppOf, tmp_path: Path) -> None:
    app_of(source(), clock=VirtualClock(START), state=tmp_path / "state").close()
    stored = json.loads((tmp_path / "state" / "timers.json").read_text())
    assert stored["tick"]["next"] == "2026-01-01T10:05:00+00:00"
