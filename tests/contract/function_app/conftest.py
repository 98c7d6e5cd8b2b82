"""A host for one orchestration, by the Durable protocol: it keeps the history and replays all of it.

Only what our orchestrator needs: activities, timers, one at a time. The protocol is contract B of
docs/functions-host-contract.md; field names are the extension's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from function_app.workflow.orchestration import process_image

History = list[dict[str, Any]]
Answer = Callable[[str, dict[str, Any]], object]

_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_EPISODES_AT_MOST = 200


class ActivityFailure(Exception):  # noqa: N818  (the word of the protocol)
    """What a scripted activity raises: becomes the failure text that the real host writes, with these details."""

    def __init__(self, text: str, details: str = "{}") -> None:
        super().__init__(text)
        self.details = details


class Orchestration:
    """Runs the app's own orchestrator to its end; keeps every (history, response) on the way.

    With a ``history`` it takes up a run that is on its way already.
    """

    def __init__(self, request: dict[str, Any], answer: Answer, history: History | None = None) -> None:
        self._request, self._answer = json.dumps(request), answer
        self.history: History = list(history or [])
        self.now = datetime.fromisoformat(self.history[-1]["Timestamp"]) if self.history else _BEGINNING
        self.episodes: list[tuple[int, dict[str, Any]]] = []  # history length seen, response given
        self.scheduled: list[dict[str, Any]] = []
        self.error: str | None = None

    def run(self) -> dict[str, Any]:
        """The last response. Raises AssertionError when it does not come to an end."""
        if not self.history:
            started: dict[str, Any] = {
                "Name": "process_image",
                "Version": "",
                "Input": json.dumps(self._request),
            }
            self._add(12)
            self._add(0, **started)
        begun = sum(event["EventType"] in (4, 10) for event in self.history)
        for _ in range(_EPISODES_AT_MOST):
            response = replay(self._request, self.history)
            self.episodes.append((len(self.history), response))
            self.error = response.get("error")
            self.scheduled = self.scheduled or response["actions"][0][:begun]
            if response["isDone"] or self.error:
                return response
            self._carry_out(response["actions"][0][len(self.scheduled) :])
        raise AssertionError("the orchestration does not end")

    def _carry_out(self, new: list[dict[str, Any]]) -> None:
        assert len(new) == 1, "one thing at a time"
        [action] = new
        task = len(self.scheduled)
        self.scheduled.append(action)
        if action["actionType"] == 5:
            self.now = datetime.fromisoformat(action["fireAt"])
            self._add(10, task, FireAt=action["fireAt"])
            self._add(13)
            self._add(12)
            self._add(11, TimerId=task, FireAt=action["fireAt"])
            return
        name = action["functionName"]
        self._add(4, task, Name=name, Version="", Input=None)
        self._add(13)
        self.now += timedelta(milliseconds=10)
        try:
            result = self._answer(name, json.loads(action["input"]))
        except ActivityFailure as failure:
            self._add(12)
            reason = f"Activity function '{name}' failed: {failure}"
            self._add(6, TaskScheduledId=task, Reason=reason, Details=failure.details)
        else:
            self._add(12)
            self._add(5, TaskScheduledId=task, Result=json.dumps(result))

    def _add(self, kind: int, event_id: int = -1, **more: Any) -> None:
        stamp = self.now.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
        event = {"EventType": kind, "EventId": event_id, "IsPlayed": False, "Timestamp": stamp, **more}
        self.history.append(event)


def replay(request: str, history: History, handle: Callable[[str], str] | None = None) -> dict[str, Any]:
    """The orchestrator's response to this history, as the host reads it."""
    last_start = max(i for i, event in enumerate(history) if event["EventType"] == 12)
    marked = [{**event, "IsPlayed": i < last_start} for i, event in enumerate(history)]
    context = {
        "history": marked,
        "input": request,
        "instanceId": "0" * 32,
        "isReplaying": last_start > 0,
        "parentInstanceId": None,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "maximumShortTimerDuration": "6.00:00:00",
        "longRunningTimerIntervalDuration": "3.00:00:00",
    }
    try:
        return json.loads((handle or orchestrator())(json.dumps(context)))
    except Exception as error:
        _, label, state = str(error).partition("$OutOfProcData$:")
        if not label:
            raise
        return json.loads(state)


def orchestrator() -> Callable[[str], str]:
    """The orchestrator function as registered; get_functions() of the app can be asked only once."""
    return process_image._function.get_user_function()


@pytest.fixture
def orchestration() -> type[Orchestration]:
    """The host above."""
    return Orchestration


@pytest.fixture
def replayed() -> Callable[..., dict[str, Any]]:
    """One replay of a history."""
    return replay


@pytest.fixture
def activity_failure() -> type[ActivityFailure]:
    """What a scripted activity raises."""
    return ActivityFailure
