"""Runs timer-triggered functions and keeps their last runs; one timer's runs never overlap.

Start-up as in the real TimerListener: a missed occurrence of a monitored timer runs at once with
`past_due`; else `run_on_startup` runs at once; then the schedule goes on from now.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from azure.functions.meta import Datum

from functions_host.clock import Clock
from functions_host.errors import StartRefusedError
from functions_host.invoking.invocation import Invoker
from functions_host.loading.app_settings import expand, parse_json_file
from functions_host.loading.functions import LoadedFunction
from functions_host.triggers import keep_running
from functions_host.triggers.timers.schedule import Schedule, is_monitored, parse_schedule

_NEVER = "0001-01-01T00:00:00"


@dataclass(frozen=True)
class TimerSubscription:
    """A timer-triggered function with its parsed schedule."""

    function: LoadedFunction
    expression: str
    schedule: Schedule
    run_on_startup: bool
    use_monitor: bool


def timer_of(function: LoadedFunction, settings: Mapping[str, str]) -> TimerSubscription:
    """Raises StartRefusedError for a bad schedule, SettingsError for a setting that is not set."""
    trigger = function.trigger
    expression = expand(trigger.text("schedule"), settings, f"schedule of {function.name}")
    try:
        schedule = parse_schedule(expression)
    except ValueError as error:
        raise StartRefusedError(function.name, f"schedule: {error}") from None
    return TimerSubscription(
        function,
        expression,
        schedule,
        run_on_startup=bool(trigger.properties.get("runOnStartup")),
        use_monitor=trigger.properties.get("useMonitor") is not False,
    )


class TimerListener:
    """Waits for every timer of an app."""

    def __init__(
        self,
        timers: Sequence[TimerSubscription],
        store: TimerStatusStore,
        invoker: Invoker,
        client_datums: Callable[[str], Mapping[str, str]],
        clock: Clock,
    ) -> None:
        self._timers = timers
        self._store = store
        self._invoker = invoker
        self._client_datums = client_datums
        self._clock = clock
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(keep_running(partial(self._run, timer), f"timer {timer.function.name}"))
            for timer in self._timers
        ]

    async def stop(self, grace_seconds: float) -> None:
        """No new runs; running ones get `grace_seconds`."""
        self._stopping.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=grace_seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _run(self, timer: TimerSubscription) -> None:
        now = self._clock.now()
        monitored = is_monitored(timer.schedule, timer.use_monitor, now)
        status = self._store.get(timer.function.name) if monitored else None
        if status is not None and status.schedule == timer.expression and _missed(status, now):
            await self._fire(timer, monitored, past_due=True)
        elif timer.run_on_startup:
            await self._fire(timer, monitored, past_due=False)
        elif monitored and (status is None or status.schedule != timer.expression):
            self._remember(timer, None)
        while not self._stopping.is_set():
            following = timer.schedule.after(self._clock.now())
            await self._clock.sleep_until(following, self._stopping)
            if not self._stopping.is_set():
                await self._fire(timer, monitored, past_due=False)

    async def _fire(self, timer: TimerSubscription, monitored: bool, *, past_due: bool) -> None:
        function = timer.function
        started = self._clock.now()
        status = self._store.get(function.name) if monitored else None
        datum = Datum(_timer_info(status, past_due), "json")
        inputs = {function.trigger.name: datum}
        for name, text in self._client_datums(function.name).items():
            inputs[name] = Datum(text, "string")
        with contextlib.suppress(
            Exception
        ):  # the app's own code; logged by the invoker; the schedule goes on
            await self._invoker.invoke(function, inputs)
        if monitored:
            self._remember(timer, started)

    def _remember(self, timer: TimerSubscription, last: datetime | None) -> None:
        following = timer.schedule.after(last or self._clock.now())
        self._store.put(timer.function.name, TimerStatus(last, following, timer.expression))


def _missed(status: TimerStatus, now: datetime) -> bool:
    return status.next is not None and status.next <= now


def _timer_info(status: TimerStatus | None, past_due: bool) -> str:
    """The TimerInfo JSON the worker receives."""
    moments = None
    if status is not None:
        last, following = (moment.isoformat() if moment else _NEVER for moment in (status.last, status.next))
        moments = {"Last": last, "Next": following, "LastUpdated": last}
    return json.dumps({"Schedule": {"AdjustForDST": True}, "ScheduleStatus": moments, "IsPastDue": past_due})


@dataclass(frozen=True)
class TimerStatus:
    """What the host remembers of a timer; `last` None before its first run."""

    last: datetime | None
    next: datetime | None
    schedule: str


class TimerStatusStore:
    """Last and next run of each monitored timer: in memory and, given a path, in one JSON file replaced atomically."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        stored = parse_json_file(path) if path is not None and path.exists() else {}
        self._statuses = {name: _from_json(value) for name, value in stored.items()}

    def get(self, function: str) -> TimerStatus | None:
        return self._statuses.get(function)

    def put(self, function: str, status: TimerStatus) -> None:
        self._statuses[function] = status
        if self._path is None:
            return
        document = {name: asdict(value) for name, value in self._statuses.items()}
        partial = self._path.with_suffix(".part")
        partial.write_text(json.dumps(document, default=datetime.isoformat, indent=2), encoding="utf-8")
        partial.replace(self._path)


def _from_json(value: dict[str, str | None]) -> TimerStatus:
    def moment(key: str) -> datetime | None:
        text = value.get(key)
        return datetime.fromisoformat(text) if text else None

    return TimerStatus(moment("last"), moment("next"), value.get("schedule") or "")
